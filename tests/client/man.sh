#!/bin/sh
# man.sh - the page of odenetctl is well formed, and tells each command and each option.
#
# Runs at the top of the build tree. The form is looked at where mandoc or man is there.
set -eu

page=${srcdir:-$(dirname "$0")/../..}/client/odenetctl.1
bad=0 n=0

complain () {
    echo "$1"
    bad=$((bad + 1))
}

# told WORD COMMAND: the page has the word in its markup: an option's hyphens are doubled there.
told () {
    n=$((n + 1))
    grep -qE -- "$1( |\$)" "$page" || complain "$2: the page does not tell $1"
}

if command -v mandoc > /dev/null; then
    mandoc -Tlint -W warning "$page" || complain "mandoc complains"
elif command -v man > /dev/null; then
    [ -z "$(man --warnings -l "$page" 2>&1 > /dev/null)" ] || complain "man complains"
fi

commands=$(./odenetctl --help | sed -n 's/^  \([a-z]\{3,\}\) .*/\1/p')
for command in $commands; do
    told "$command" odenetctl
    for option in $(./odenetctl "$command" --help | sed -n 's/^  \(-., \)\{0,1\}-\(-[a-z-]*\) .*/\2/p'); do
        told "(Fl|[|]) $option" "$command"
    done
done
echo "$n words looked for, $bad complaints"
[ "$n" -ge 100 ] && [ "$bad" -eq 0 ]
