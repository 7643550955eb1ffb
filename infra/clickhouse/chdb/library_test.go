package chdb

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"dossierledger/domain/fault"
)

func wantFault(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	if fault.CodeOf(err) != code {
		t.Fatalf("got %v, want a fault %s", err, code)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
}

func TestALibraryThatIsNotThere(t *testing.T) {
	nowhere := filepath.Join(t.TempDir(), libraryFile)
	_, err := Open(t.TempDir(), Options{Library: nowhere})
	wantFault(t, err, CodeMissing, nowhere, "make chdb", "configuration")

	t.Setenv(EnvLibrary, nowhere)
	_, err = Open(t.TempDir(), Options{})
	wantFault(t, err, CodeMissing, nowhere, "make chdb", EnvLibrary)

	t.Setenv(EnvLibrary, "")
	t.Chdir(t.TempDir())
	_, err = Find("")
	wantFault(t, err, CodeMissing, "make chdb", EnvLibrary)
	wantFault(t, Verify(nowhere), CodeMissing, nowhere, "make chdb")
}

func TestALibraryIsFoundByItsEnvironmentAndPath(t *testing.T) {
	file := filepath.Join(t.TempDir(), "engine.so")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(EnvLibrary, file)
	if got, err := Find(""); err != nil || got != file {
		t.Errorf("by environment: %s, %v", got, err)
	}
	other := filepath.Join(t.TempDir(), "other.so")
	if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := Find(other); err != nil || got != other {
		t.Errorf("by path: %s, %v", got, err)
	}
}

func TestALibraryOfOtherBytesIsNotLoaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), libraryFile)
	if err := os.WriteFile(file, []byte("not the engine"), 0o700); err != nil { // a library is executable
		t.Fatal(err)
	}
	wantFault(t, Verify(file), CodeChecksum, file, "make chdb", pinned[runtime.GOOS+"/"+runtime.GOARCH])
}

func TestAPlatformWithoutABuild(t *testing.T) {
	file := filepath.Join(t.TempDir(), libraryFile)
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	const hashOfABC = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"
	t.Setenv(EnvSHA256, "")
	wantFault(t, verify(file, "linux/riscv64"), CodePlatform, "linux/riscv64", "DSN", EnvSHA256)

	t.Setenv(EnvSHA256, hashOfABC)
	if err := verify(file, "linux/riscv64"); err != nil {
		t.Errorf("an operator vouched for it: %v", err)
	}
	// Where a hash is pinned, and where signals are not kept, nobody can vouch.
	wantFault(t, verify(file, "linux/amd64"), CodeChecksum)
	wantFault(t, verify(file, "darwin/arm64"), CodePlatform)
}

func TestTheScriptFetchesWhatTheProgramTrusts(t *testing.T) {
	script, err := os.ReadFile("../fetch-chdb.sh")
	if err != nil {
		t.Fatal(err)
	}
	hashes := map[string]bool{}
	for _, match := range regexp.MustCompile(`sha256=([0-9a-f]{64})`).FindAllStringSubmatch(string(script), -1) {
		hashes[match[1]] = true
	}
	if len(hashes) != len(pinned) {
		t.Errorf("%d hashes in the script, %d in the program", len(hashes), len(pinned))
	}
	for platform, hash := range pinned {
		if !hashes[hash] {
			t.Errorf("the script has another hash for %s", platform)
		}
	}
	if !strings.Contains(string(script), EnvSHA256) {
		t.Errorf("the script does not know %s", EnvSHA256)
	}
}
