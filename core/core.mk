# core: libodenet, the numbers

lib_LIBRARIES += libodenet.a
libodenet_a_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS) $(MD_CFLAGS) $(OPENBLAS_CFLAGS)
libodenet_a_LIBADD =
libodenet_a_SOURCES = \
	%D%/base/arena.c \
	%D%/base/beneath.c \
	%D%/base/curve.c \
	%D%/base/duration.c \
	%D%/base/field.c \
	%D%/base/file.c \
	%D%/base/hash.c \
	%D%/base/rng.c \
	%D%/base/status.c \
	%D%/base/team.c \
	%D%/blocks/blocks.c \
	%D%/blocks/coupling.c \
	%D%/blocks/coupling.h \
	%D%/blocks/euler.c \
	%D%/blocks/hamiltonian.c \
	%D%/blocks/layer.c \
	%D%/blocks/leapfrog.c \
	%D%/blocks/midpoint.c \
	%D%/blocks/parabolic.c \
	%D%/blocks/revnet.c \
	%D%/blocks/rk4.c \
	%D%/check/adjoint.c \
	%D%/check/check.c \
	%D%/check/energy.c \
	%D%/check/inverse.c \
	%D%/check/map.c \
	%D%/check/map.h \
	%D%/check/memory.c \
	%D%/check/potential.c \
	%D%/check/potential.h \
	%D%/check/rig.c \
	%D%/check/rig.h \
	%D%/check/row.h \
	%D%/check/symplecticity.c \
	%D%/check/taylor.c \
	%D%/check/threads.c \
	%D%/check/vec.c \
	%D%/check/vec.h \
	%D%/data/blob.c \
	%D%/data/cifar.c \
	%D%/data/dataset.c \
	%D%/data/idx.c \
	%D%/data/loader.c \
	%D%/data/originals.c \
	%D%/data/resize.c \
	%D%/data/strokes.c \
	%D%/data/whiten.c \
	%D%/files/draft.c \
	%D%/files/draft.h \
	%D%/files/netgraph.c \
	%D%/files/netsteps.c \
	%D%/files/netsteps.h \
	%D%/files/npz.c \
	%D%/files/onnx.c \
	%D%/files/proto.c \
	%D%/kernels/body.h \
	%D%/kernels/direct.h \
	%D%/kernels/finish.h \
	%D%/kernels/gemm.c \
	%D%/kernels/kernels.c \
	%D%/kernels/norms.h \
	%D%/kernels/outer.h \
	%D%/kernels/peak.h \
	%D%/kernels/portable.c \
	%D%/kernels/tables.h \
	%D%/kernels/vector.h \
	%D%/kernels/winograd.h \
	%D%/layers/cna.c \
	%D%/layers/connect.c \
	%D%/layers/halo.h \
	%D%/layers/head.c \
	%D%/layers/norm.c \
	%D%/net/exec.c \
	%D%/net/images.c \
	%D%/net/lane.c \
	%D%/net/images.h \
	%D%/net/link.c \
	%D%/net/net.c \
	%D%/net/pack.c \
	%D%/net/segment.c \
	%D%/net/walk.c \
	%D%/optim/adamw.c \
	%D%/optim/newton.c \
	%D%/optim/penalty.c \
	%D%/optim/schedule.c \
	%D%/optim/sgd.c \
	%D%/recipe/continues.c \
	%D%/recipe/recipe.c \
	%D%/recipe/settle.c \
	%D%/scales/depth.c \
	%D%/scales/metric.c \
	%D%/scales/stencil.c \
	%D%/scales/transfer.c \
	%D%/train/classifier.c \
	%D%/train/cost.c \
	%D%/train/engine.c \
	%D%/train/ladder.c \
	%D%/train/memory.c \
	%D%/train/gauge.c \
	%D%/train/plan.c \
	%D%/train/passage.c \
	%D%/train/records.c \
	%D%/train/run.h \
	%D%/train/stage.c \
	%D%/train/steps.c \
	%D%/train/train.c \
	%D%/train/trial.c \
	%D%/train/warm.c

core_headers = \
	%D%/base/arena.h \
	%D%/base/beneath.h \
	%D%/base/curve.h \
	%D%/base/duration.h \
	%D%/base/field.h \
	%D%/base/field_structs.inc \
	%D%/base/field_tables.inc \
	%D%/base/file.h \
	%D%/base/hash.h \
	%D%/base/real.h \
	%D%/base/rng.h \
	%D%/base/status.def \
	%D%/base/status.h \
	%D%/base/team.h \
	%D%/blocks/block.h \
	%D%/blocks/blocks.def \
	%D%/blocks/layer.h \
	%D%/check/check.h \
	%D%/check/checks.def \
	%D%/data/blob.h \
	%D%/data/cifar.h \
	%D%/data/dataset.h \
	%D%/data/idx.h \
	%D%/data/loader.h \
	%D%/data/originals.def \
	%D%/data/originals.h \
	%D%/data/resize.h \
	%D%/data/strokes.def \
	%D%/data/strokes.h \
	%D%/data/whiten.h \
	%D%/files/netgraph.h \
	%D%/files/npz.h \
	%D%/files/onnx.h \
	%D%/files/proto.h \
	%D%/kernels/cores.def \
	%D%/kernels/gemm.h \
	%D%/kernels/kernels.h \
	%D%/layers/cna.h \
	%D%/layers/connect.h \
	%D%/layers/head.h \
	%D%/layers/norm.h \
	%D%/net/exec.h \
	%D%/net/lane.h \
	%D%/net/link.h \
	%D%/net/net.h \
	%D%/net/params.h \
	%D%/net/segment.h \
	%D%/net/walk.h \
	%D%/optim/adamw.h \
	%D%/optim/newton.h \
	%D%/optim/penalty.h \
	%D%/optim/schedule.h \
	%D%/optim/sgd.h \
	%D%/recipe/presets.def \
	%D%/recipe/recipe.def \
	%D%/recipe/recipe.h \
	%D%/scales/depth.h \
	%D%/scales/metric.h \
	%D%/scales/stencil.h \
	%D%/scales/transfer.h \
	%D%/train/classifier.h \
	%D%/train/cost.h \
	%D%/train/engine.h \
	%D%/train/ladder.h \
	%D%/train/memory.h \
	%D%/train/stage.h \
	%D%/train/gauge.h \
	%D%/train/train.h \
	%D%/train/trial.h \
	%D%/train/warm.h

nobase_pkginclude_HEADERS += $(core_headers)

# The same kernels, once per instruction set; their objects go into the one library.
if HAVE_AVX2
noinst_LIBRARIES += libcore-avx2.a
libcore_avx2_a_SOURCES = %D%/kernels/avx2.c
libcore_avx2_a_CFLAGS = $(AM_CFLAGS) $(AVX2_CFLAGS)
libodenet_a_LIBADD += $(libcore_avx2_a_OBJECTS)
endif
if HAVE_AVX512
noinst_LIBRARIES += libcore-avx512.a
libcore_avx512_a_SOURCES = %D%/kernels/avx512.c
libcore_avx512_a_CFLAGS = $(AM_CFLAGS) $(AVX512_CFLAGS)
libodenet_a_LIBADD += $(libcore_avx512_a_OBJECTS)
endif

core_LIBS = libodenet.a $(ZLIB_LIBS) $(MD_LIBS) $(OPENBLAS_LIBS) -lpthread -lm
