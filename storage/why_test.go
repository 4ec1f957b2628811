package storage_test

import (
	"testing"

	"github.com/handstamp/handstamp/storage"
	"github.com/handstamp/handstamp/storage/storagetest"
)

func TestA16_AnAuditRowSaysWhatItWasBeforeWhatAfterAndWhy(t *testing.T) {
	storagetest.Each(t, func(t *testing.T, db *storage.DB) {
		if _, err := db.BindProvider(t.Context(), storage.Actor{Kind: "system"}, "local", "handstamp:local"); err != nil {
			t.Fatal(err)
		}
		if err := db.MakeAccounts(t.Context(), storage.Actor{Kind: "system"}, "local", storage.NewAccount{Subject: "s", UserSubject: "u", Login: "alice"}); err != nil {
			t.Fatal(err)
		}
		u, err := db.UserBySubject(t.Context(), "u")
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range []struct {
			disabled      bool
			why           string
			before, after string
		}{{true, "she left the house", "enabled", "disabled"}, {true, "", "disabled", "disabled"}, {false, "back again", "disabled", "enabled"}} {
			if err := db.SetUserDisabled(t.Context(), storage.Actor{Kind: "admin", ID: "boss", Why: row.why}, u.ID, row.disabled); err != nil {
				t.Fatal(err)
			}
			rows, err := db.Audit(t.Context(), 1)
			if err != nil {
				t.Fatal(err)
			}
			d := rows[0].Detail
			if d["before"] != row.before || d["after"] != row.after || d["reason"] != row.why || rows[0].Target != "user:"+u.ID {
				t.Errorf("%+v", rows[0])
			}
		}
		if err := db.SetUserDisabled(t.Context(), storage.Actor{}, "nobody", true); err == nil {
			t.Error("nobody was disabled")
		}
	})
}
