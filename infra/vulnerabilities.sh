#!/bin/sh
# Looks for known vulnerabilities. Their list is on the network; where it cannot
# be reached, that is said and is no failure.
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT
if go tool govulncheck ./... >"$out" 2>&1; then
	exit 0
fi
if grep -q '^govulncheck: fetching vulnerabilities' "$out"; then
	echo "govulncheck: the list of vulnerabilities cannot be reached from here; not checked"
	exit 0
fi
cat "$out"
exit 1
