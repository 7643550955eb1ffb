#!/bin/sh
# Makes sure that there is a browser for the tests of the pages: installs
# Debian's Chromium where that is possible, else says what to install.
set -eu
for name in "${LEDGER_TEST_BROWSER:-}" chromium chromium-browser google-chrome; do
	[ -n "$name" ] && command -v "$name" >/dev/null 2>&1 && exit 0
done
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
	echo "installing Chromium for the tests of the pages" >&2
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-noto-core >/dev/null
	exit 0
fi
echo "the tests of the pages need a browser: install chromium, or name one in LEDGER_TEST_BROWSER" >&2
exit 1
