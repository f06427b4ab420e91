# Runs a Python program with what follows, by the first interpreter of this host that is new enough.
for each in python3 python3.11 python3.12 python3.13 python3.14; do
    if "$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$each" -P -s -B "$@"
    fi
done
echo "there is no Python 3.11 or newer on this host: install python3.11 (RHEL), python311 (SLES) or python3 (Debian)" >&2
exit 1
