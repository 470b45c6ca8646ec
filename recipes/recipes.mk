# recipes: ready-made job specs

recipesdir = $(pkgdatadir)/recipes
dist_recipes_DATA = \
	%D%/cifar10-quick.json \
	%D%/quickstart.json

# The experiments of RESULTS.md.
EXTRA_DIST += \
	%D%/results/a-cifar10-16-finest.json \
	%D%/results/a-cifar10-16.json \
	%D%/results/a-cifar10-32.json \
	%D%/results/a-mnist-14-finest.json \
	%D%/results/a-mnist-14.json \
	%D%/results/a-mnist-28.json \
	%D%/results/a-mnist-7-finest.json \
	%D%/results/a-mnist-7.json \
	%D%/results/b-deep.json \
	%D%/results/b-doubled-1.json \
	%D%/results/b-doubled-2.json \
	%D%/results/b-doubled-3.json \
	%D%/results/c-both.json \
	%D%/results/c-depth.json \
	%D%/results/c-fine.json \
	%D%/results/c-resolution.json \
	%D%/results/d-hamiltonian-1.json \
	%D%/results/d-hamiltonian-10.json \
	%D%/results/d-hamiltonian-20.json \
	%D%/results/d-hamiltonian-5.json \
	%D%/results/d-resnet-1.json \
	%D%/results/d-resnet-10.json \
	%D%/results/d-resnet-20.json \
	%D%/results/d-resnet-5.json
