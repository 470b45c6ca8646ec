#!/bin/sh
# The printed copy of the job spec's schema is what the program prints.
if ! ./schema-print | diff - "${srcdir:-.}/schema/job.schema.json"; then
    echo "schema/job.schema.json is out of date: run make schema" >&2
    exit 1
fi
