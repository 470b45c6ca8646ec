# recipes: ready-made job specs

recipesdir = $(pkgdatadir)/recipes
dist_recipes_DATA = \
	%D%/cifar10-quick.json \
	%D%/quickstart.json
