# scripts: from a clone to a trained network, and all tests

EXTRA_DIST += \
	%D%/bench \
	%D%/bench_torch.py \
	%D%/fuzz \
	%D%/packages.sh \
	%D%/quickstart \
	%D%/results \
	%D%/test
