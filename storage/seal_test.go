package storage

import (
	"bytes"
	"strings"
	"testing"
)

func TestPlacesOfSealedColumnsNeverLookAlike(t *testing.T) {
	if bytes.Equal(place("a", "bc", "d"), place("ab", "c", "d")) || bytes.Equal(place("a", "b", "cd"), place("a", "bc", "d")) {
		t.Error("two places share their additional data")
	}
}

// A table that seals nothing may be missing here; a sealed column may not.
func TestResealKnowsEverySealedColumn(t *testing.T) {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		t.Fatal(err)
	}
	var text []byte
	for _, f := range files {
		one, err := migrations.ReadFile("migrations/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, one...)
	}
	table, found := "", 0
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "CREATE TABLE "); ok {
			table = strings.Fields(rest)[0]
		}
		if !strings.Contains(line, "-- sealed") || table == "sealing_keys" {
			continue
		}
		found++
		column, known := strings.Fields(line)[0], false
		for _, c := range sealedColumns {
			known = known || c.table == table && c.column == column
		}
		if !known {
			t.Errorf("%s.%s is sealed and Reseal does not know it", table, column)
		}
	}
	if found != len(sealedColumns) {
		t.Errorf("the schema marks %d columns as sealed, Reseal knows %d", found, len(sealedColumns))
	}
}
