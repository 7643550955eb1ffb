//go:build !unix

package chdb

// load is refused by Verify where the engine has no build.
func load(path string) (*library, error) { return nil, Verify(path) }
