// The ledger command: an event-sourced ledger for Vietnam's online public
// services (dịch vụ công trực tuyến).
package main

import (
	"os"

	"dossierledger/infra/cli"
)

func main() { os.Exit(cli.Run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr)) }
