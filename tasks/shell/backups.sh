# Prints what the folder $1 holds for a rollback, one line each: "backup=" and, separated by spaces, its name, each of
# complete, apache, tables, restored, rolled-back, bundles, enabled and running that it has, then version= and build=.
[ -d "$1" ] || exit 0
for folder in "$1"/[0-9]*[0-9]; do
    [ -d "$folder" ] || continue
    line=${folder##*/}
    for mark in complete apache-complete restored rolled-back; do
        [ ! -e "$folder/$mark" ] || line="$line ${mark%-complete}"
    done
    [ ! -e "$folder/tables/manifest.json" ] || line="$line tables"
    for word in bundles enabled running; do
        ! grep -q "^$word=" "$folder/state" 2>/dev/null || line="$line $word"
    done
    for word in version build; do
        value=$(sed -n "s/^$word=//p" "$folder/state" 2>/dev/null | head -n 1)
        [ -z "$value" ] || line="$line $word=$value"
    done
    echo "backup=$line"
done
