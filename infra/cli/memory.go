package cli

import "dossierledger/infra/ledger"

// steadyMemory keeps the heap of a command that works through a whole log at its
// working memory, in bytes, and little beyond what the command holds: its buffers
// are the largest part of that.
func steadyMemory(working uint64) (stop func()) {
	return ledger.Heap{Working: working, Least: 40}.Keep()
}
