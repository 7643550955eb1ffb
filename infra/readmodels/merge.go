package readmodels

import (
	"context"

	"dossierledger/projections"
)

// Reports read tables with FINAL, which has to merge what lies in several parts
// each time. The engine merges parts by itself, but not down to one, and not
// soon. After much was written at once it therefore pays to merge a table's
// parts for good: every report until the next large load is some times faster.

// mergeShare bounds what merging costs over the years: a merge rewrites the
// whole tables, so it waits until at least this part of the log is new in them.
const mergeShare = 10

// mayMerge reports whether so much was written since the last merge that
// another one pays.
func (w *worker) mayMerge() bool {
	pays := false
	w.record.look(func(r *record) {
		pays = w.config.MergeEvents > 0 && r.unmerged >= w.config.MergeEvents && uint64(r.unmerged) >= r.position/mergeShare
	})
	return pays
}

// merge merges the parts of the projection's live tables where that pays. It
// is for speed alone: where it fails nothing is wrong, and it is tried again
// after the next catching up.
func (w *worker) merge(ctx context.Context) {
	if !w.mayMerge() { // the common case, and no reason to wait
		return
	}
	if err := w.merging.enter(ctx); err != nil {
		return
	}
	defer w.merging.leave()
	if !w.mayMerge() { // somebody else has just done it
		return
	}
	var written int
	w.record.look(func(r *record) { written = r.unmerged })
	if mergeTables(ctx, w.config, w.template.Tables(), "") {
		w.record.change(func(r *record) { r.unmerged -= written })
	}
}

// mergeTables merges the parts of tables and reports whether it did.
func mergeTables(ctx context.Context, config Config, tables []projections.Table, suffix string) bool {
	for _, t := range tables {
		if err := config.Warehouse.Merge(ctx, t.Name+suffix); err != nil {
			if ctx.Err() == nil {
				config.Logger.WarnContext(ctx, "a table could not be merged; reports are slower until the engine does it", "table", t.Name+suffix, "error", err)
			}
			return false
		}
	}
	return true
}
