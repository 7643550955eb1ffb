//go:build !unix

package chdb

import (
	"os"

	"dossierledger/domain/fault"
)

// lockDirectory is never reached where the engine has no build: Verify refuses
// those platforms first.
func lockDirectory(string) (*os.File, error) {
	return nil, fault.New(fault.Unavailable, CodePlatform, "the embedded ClickHouse engine has no build for this platform")
}
