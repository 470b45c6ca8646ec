# scripts: from a clone to a trained network, and all tests

EXTRA_DIST += \
	%D%/packages.sh \
	%D%/quickstart \
	%D%/test
