package cli

import (
	"dossierledger/infra/ledger"
)

// caughtUp opens the ledger with its read models and brings them up to the
// last event.
func (w *world) caughtUp() (*ledger.Ledger, *ledger.ReadModels, error) {
	l, err := w.read()
	if err != nil {
		return nil, nil, err
	}
	models, err := l.OpenReadModels(w.ctx, nil)
	if err != nil {
		w.close(l)
		return nil, nil, err
	}
	var bar *progress
	err = models.CatchUp(w.ctx, func(done, total uint64) {
		if bar == nil {
			bar = w.progress("read models", int64(total), false)
		}
		bar.set(int64(done))
	})
	if bar != nil {
		bar.done()
	}
	if err != nil {
		w.close(l)
		return nil, nil, err
	}
	return l, models, nil
}
