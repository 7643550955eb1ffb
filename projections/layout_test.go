package projections_test

import (
	"reflect"
	"testing"

	"dossierledger/projections"
)

// Rows are written by their layout and read by their tags: the two must agree.
func TestColumnsAreTheTagsOfTheRows(t *testing.T) {
	rows := map[string]reflect.Type{
		"dossiers": reflect.TypeFor[projections.DossierRow](), "events": reflect.TypeFor[projections.EventRow](),
		"steps": reflect.TypeFor[projections.StepRow](), "agencies": reflect.TypeFor[projections.AgencyRow](),
		"procedures": reflect.TypeFor[projections.ProcedureRow](),
	}
	for _, p := range projections.All(nil) {
		for _, table := range p.Tables() {
			row := rows[table.Name]
			if row == nil {
				t.Fatalf("no row for %s", table.Name)
			}
			if len(table.Columns) != row.NumField() {
				t.Errorf("%s has %d columns, its row %d fields", table.Name, len(table.Columns), row.NumField())
			}
			for i, c := range table.Columns {
				if tag := row.Field(i).Tag.Get("ch"); tag != c.Name {
					t.Errorf("%s: column %s stands where the row has %s", table.Name, c.Name, tag)
				}
			}
			delete(rows, table.Name)
		}
	}
	if len(rows) > 0 {
		t.Errorf("no projection fills %v", rows)
	}
}
