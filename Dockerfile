# Handstamp as a static binary that runs as nobody, in an image that holds nothing else.
#
#   docker build -t handstamp .
#   docker run -p 127.0.0.1:8080:8080 -v ./handstamp.yaml:/etc/handstamp/handstamp.yaml:ro -v handstamp:/data handstamp
#
# With SQLite let `storage.url` be sqlite:/data/handstamp.db, and let `listen` be 0.0.0.0:8080.

FROM golang:1.27-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags "-s -w" -o /out/handstamp ./cmd/handstamp
RUN CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags "-s -w" -o /out/app ./examples/app/cmd
RUN CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags "-s -w" -o /out/api ./examples/api/cmd
RUN mkdir -m 0700 /out/data

# The sample app and API, for docker-compose.yml: `docker build --target examples .`
FROM scratch AS examples
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/app /app
COPY --from=build /out/api /api
USER 65532:65532

# The broker. It is last, so it is what `docker build .` makes.
FROM scratch AS handstamp
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build /out/handstamp /handstamp
USER 65532:65532
WORKDIR /data
VOLUME /data
EXPOSE 8080
ENTRYPOINT ["/handstamp"]
CMD ["serve", "-c", "/etc/handstamp/handstamp.yaml"]
