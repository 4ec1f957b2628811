package storagetest

import (
	"os"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

func postgresServer() (string, error) {
	if url := os.Getenv("HANDSTAMP_TEST_POSTGRES"); url != "" {
		return url, nil
	}
	return "", errNoPostgres
}
