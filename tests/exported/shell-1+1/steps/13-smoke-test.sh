#!/bin/sh
# Step 13: Smoke test. Why: the whole of it, used as people would.
set -eu
# shellcheck source=/dev/null
. "$(dirname "$0")/../lib.sh"

say '13. Smoke test'
