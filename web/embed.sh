#!/bin/sh
# embed.sh FOLDER - prints a C file that holds the files of FOLDER, for web/assets.h.
# The bytes are taken in by the assembler, so nothing is encoded and nothing can be mangled.
set -eu
LC_ALL=C
export LC_ALL

folder=$1
[ -f "$folder/index.html" ] || { echo "embed.sh: $folder/index.html is missing" >&2; exit 1; }

type_of () {
    case $1 in
    *.html) echo 'text/html; charset=utf-8' ;;
    *.js) echo 'text/javascript; charset=utf-8' ;;
    *.css) echo 'text/css; charset=utf-8' ;;
    *.svg) echo 'image/svg+xml' ;;
    *) echo "embed.sh: no content type is known for $1" >&2; exit 1 ;;
    esac
}

files=$(cd "$folder" && find . -type f | sed 's,^\.,,' | sort)

echo '/* Made by web/embed.sh. */'
echo '#include "web/assets.h"'
n=0
for path in $files; do
    cat <<END

__asm__(".section .rodata\n"
        ".balign 16\n"
        ".globl web_asset_$n\n"
        ".hidden web_asset_$n\n"
        "web_asset_$n:\n"
        ".incbin \"$folder$path\"\n"
        ".previous\n");
extern const unsigned char web_asset_${n}[] __attribute__((visibility("hidden")));
END
    n=$((n + 1))
done

printf '\nconst struct web_asset web_assets[] = {\n'
n=0
for path in $files; do
    type=$(type_of "$path")
    size=$(wc -c < "$folder$path" | tr -d ' ')
    echo "    { \"$path\", \"$type\", web_asset_$n, $size },"
    n=$((n + 1))
done
printf '};\nconst size_t web_asset_n = %d;\n' "$n"
