package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/handstamp/handstamp/broker"
	"github.com/handstamp/handstamp/broker/directory"
	"github.com/handstamp/handstamp/broker/revision"
	"github.com/handstamp/handstamp/configs"
)

// openBook joins the directory's revisions to this house: how its references are
// resolved, how its providers are made, and what becomes of a new one.
func (h *house) openBook(ctx context.Context) error {
	h.book = &revision.Book{DB: h.db, Issuer: h.cfg.Issuer, OneNode: h.file == fileServes && strings.HasPrefix(h.cfg.Storage.URL.Reveal(), "sqlite:"),
		Resolve: h.cfg.ResolveSecret, Upstream: h.workshop.make, Check: h.cfg.CheckDirectory,
		Use:    func(a *revision.Active) error { return h.broker.Swap(view(a)) },
		Keys:   func(ctx context.Context) error { _, err := h.openRing(ctx); return err },
		Stands: h.stand, Now: time.Now, Logger: h.log}
	document, hash := fileDirectory(h.cfg)
	if h.file == fileIsSilent {
		document = nil
	}
	if _, err := h.book.Open(ctx, document, hash); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	return nil
}

// fileDirectory is what a settings file says about the directory, if it says anything.
func fileDirectory(cfg *configs.Config) (document *directory.Document, hash string) {
	if !cfg.HasDirectory() {
		return nil, ""
	}
	return &cfg.Directory, cfg.DirectoryHash()
}

// view is what the broker takes of a revision.
func view(a *revision.Active) *broker.Directory {
	return &broker.Directory{Snapshot: a.Snapshot, Upstreams: a.Upstreams, Revision: a.Number}
}

// stand tells the broker how this node stands to the book.
func (h *house) stand(s revision.State) {
	if h.broker != nil { // while the house is furnished there is nobody to tell
		h.broker.Blind(s.Blind)
		h.broker.Behind(s.Cause != "")
	}
}

// rereading gives the settings file its say again on SIGHUP and when it changes.
func (h *house) rereading(ctx context.Context, path string) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	tick := time.NewTicker(2 * time.Second)
	defer tick.Stop()
	last := stamp(path, h.cfg.DirectoryPath)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
		case <-tick.C:
			if stamp(path, h.cfg.DirectoryPath) == last {
				continue
			}
		}
		last = stamp(path, h.cfg.DirectoryPath)
		h.reread(ctx, path)
	}
}

// reread applies the directory of the settings file, and reads again what its references
// name; what is refused is in the log.
func (h *house) reread(ctx context.Context, path string) {
	cfg, err := configs.Load(path)
	if err == nil && (cfg.Issuer != h.cfg.Issuer || cfg.Storage.URL != h.cfg.Storage.URL || cfg.Listen != h.cfg.Listen) {
		err = errors.New("issuer, storage and listen need a restart")
	}
	if err != nil {
		h.log.Error("the settings file was not applied; the former directory stays", "file", path, "cause", err)
		return
	}
	if document, hash := fileDirectory(cfg); document != nil {
		_ = h.book.TakeFile(ctx, *document, hash) // says by itself what became of it
	}
	if err := h.book.Reload(ctx); err != nil {
		h.log.Error("the secrets were not read again", "cause", err)
	}
}

// stamp tells one state of the settings, and of the file or folder that holds their
// directory, from another.
func stamp(paths ...string) string {
	var b strings.Builder
	for _, path := range paths {
		if path == "" {
			continue
		}
		_ = filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // it is not there now
			}
			if info, err := os.Stat(name); err == nil && !info.IsDir() {
				fmt.Fprintln(&b, name, info.ModTime().UnixNano(), info.Size())
			}
			return nil
		})
	}
	return b.String()
}
