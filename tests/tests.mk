# tests: a program per folder, with Check

if HAVE_CHECK

check_PROGRAMS += test-core
TESTS += test-core
test_core_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/core/suites.def"'
test_core_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(ZLIB_CFLAGS)
test_core_LDADD = $(core_LIBS) $(CHECK_LIBS)
test_core_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/core/suites.def \
	%D%/core/beneath.c \
	%D%/core/block.c \
	%D%/core/cifar.c \
	%D%/core/curve.c \
	%D%/core/dataset.c \
	%D%/core/depth.c \
	%D%/core/dynamics.c \
	%D%/core/file.c \
	%D%/core/files.c \
	%D%/core/files.h \
	%D%/core/gemm.c \
	%D%/core/graph.c \
	%D%/core/graph.h \
	%D%/core/hash.c \
	%D%/core/idx.c \
	%D%/core/kernels.c \
	%D%/core/layers.c \
	%D%/core/loader.c \
	%D%/core/metric.c \
	%D%/core/net.c \
	%D%/core/newton.c \
	%D%/core/netgraph.c \
	%D%/core/norms.c \
	%D%/core/npz.c \
	%D%/core/onnx.c \
	%D%/core/optim.c \
	%D%/core/orbit.c \
	%D%/core/orbit.h \
	%D%/core/orders.c \
	%D%/core/peak.c \
	%D%/core/resize.c \
	%D%/core/rng.c \
	%D%/core/sample.c \
	%D%/core/sample.h \
	%D%/core/stencil.c \
	%D%/core/strokes.c \
	%D%/core/toy.c \
	%D%/core/toy.h \
	%D%/core/team.c \
	%D%/core/transfer.c \
	%D%/core/whiten.c

# The same folder, those that train: a program of their own, so that two processors test.
check_PROGRAMS += test-train
TESTS += test-train
test_train_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/core/suites-train.def"'
test_train_CFLAGS = $(test_core_CFLAGS)
test_train_LDADD = $(test_core_LDADD)
test_train_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/core/suites-train.def \
	%D%/core/average.c \
	%D%/core/check.c \
	%D%/core/cost.c \
	%D%/core/diary.c \
	%D%/core/diary.h \
	%D%/core/engine.c \
	%D%/core/gauge.c \
	%D%/core/ladder.c \
	%D%/core/passage.c \
	%D%/core/toy.c \
	%D%/core/toy.h \
	%D%/core/train.c

# The engine in double: derivatives and adjoints to rounding.
check_LIBRARIES += libcore-double.a
libcore_double_a_CPPFLAGS = $(AM_CPPFLAGS) -DODE_DOUBLE
libcore_double_a_CFLAGS = $(AM_CFLAGS) $(OPENBLAS_CFLAGS)
libcore_double_a_SOURCES = \
	core/base/arena.c \
	core/base/rng.c \
	core/base/status.c \
	core/base/team.c \
	core/base/field.c \
	core/blocks/blocks.c \
	core/blocks/coupling.c \
	core/blocks/euler.c \
	core/blocks/hamiltonian.c \
	core/blocks/layer.c \
	core/blocks/leapfrog.c \
	core/blocks/midpoint.c \
	core/blocks/parabolic.c \
	core/blocks/revnet.c \
	core/blocks/rk4.c \
	core/kernels/gemm.c \
	core/kernels/kernels.c \
	core/kernels/portable.c \
	core/layers/cna.c \
	core/layers/connect.c \
	core/layers/head.c \
	core/layers/norm.c \
	core/net/exec.c \
	core/net/images.c \
	core/net/lane.c \
	core/net/link.c \
	core/net/net.c \
	core/net/pack.c \
	core/net/segment.c \
	core/net/walk.c \
	core/optim/adamw.c \
	core/optim/newton.c \
	core/optim/penalty.c \
	core/optim/schedule.c \
	core/optim/sgd.c \
	core/recipe/recipe.c \
	core/scales/depth.c \
	core/scales/metric.c \
	core/scales/stencil.c \
	core/train/engine.c \
	core/train/gauge.c

check_PROGRAMS += test-core-double
TESTS += test-core-double
test_core_double_CPPFLAGS = $(AM_CPPFLAGS) -DODE_DOUBLE -DSUITES_DEF='"tests/core/suites-double.def"'
test_core_double_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_core_double_LDADD = libcore-double.a $(OPENBLAS_LIBS) $(CHECK_LIBS) -lpthread -lm
test_core_double_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/core/suites-double.def \
	%D%/core/average.c \
	%D%/core/block.c \
	%D%/core/dynamics.c \
	%D%/core/engine.c \
	%D%/core/gauge.c \
	%D%/core/kernels.c \
	%D%/core/layers.c \
	%D%/core/net.c \
	%D%/core/newton.c \
	%D%/core/norms.c \
	%D%/core/optim.c \
	%D%/core/orbit.c \
	%D%/core/orbit.h \
	%D%/core/orders.c \
	%D%/core/peak.c \
	%D%/core/toy.c \
	%D%/core/toy.h

check_PROGRAMS += test-cli
TESTS += test-cli
test_cli_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/cli/suites.def"'
test_cli_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_cli_LDADD = $(cli_LIBS) $(CHECK_LIBS)
test_cli_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/cli/suites.def \
	%D%/cli/bench.c \
	%D%/cli/blas.c \
	%D%/cli/command.c %D%/cli/command.h \
	%D%/cli/compare.c \
	%D%/cli/control.c \
	%D%/cli/data.c \
	%D%/cli/forecast.c \
	%D%/cli/load.c \
	%D%/cli/plan.c \
	%D%/cli/prefix.c \
	%D%/cli/spread.c \
	%D%/cli/training.c %D%/cli/training.h \
	%D%/cli/warm.c

check_PROGRAMS += test-client
TESTS += test-client
test_client_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/client/suites.def"'
test_client_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
test_client_LDADD = $(client_LIBS) $(CHECK_LIBS)
test_client_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/cli/command.c %D%/cli/command.h \
	%D%/client/suites.def \
	%D%/client/call.c \
	%D%/client/commands.c \
	%D%/client/lines.c \
	%D%/client/names.c \
	%D%/client/place.c \
	%D%/client/script.c %D%/client/script.h \
	%D%/client/words.c

check_PROGRAMS += test-web
TESTS += test-web
test_web_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/web/suites.def"'
test_web_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
test_web_LDADD = $(web_LIBS) $(core_LIBS) $(CHECK_LIBS)
test_web_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/web/suites.def \
	%D%/web/assets.c

# The page in a browser.
TESTS += %D%/web/run.sh

check_PROGRAMS += test-api
TESTS += test-api
test_api_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/api/suites.def"'
test_api_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(ZLIB_CFLAGS) $(JANSSON_CFLAGS) $(MHD_CFLAGS) \
	$(GNUTLS_CFLAGS) $(UV_CFLAGS)
test_api_LDADD = $(api_LIBS) $(CHECK_LIBS)
test_api_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/api/stream.c \
	%D%/api/suites.def \
	%D%/api/accept.c \
	%D%/api/access.c \
	%D%/api/artifacts.c \
	%D%/api/assets.c \
	%D%/api/backups.c \
	%D%/api/client.c %D%/api/client.h \
	%D%/api/compare.c \
	%D%/api/fake.c %D%/api/fake.h \
	%D%/api/guard.c \
	%D%/api/jobs.c \
	%D%/api/junit.c \
	%D%/api/lists.c \
	%D%/api/listener.c \
	%D%/api/lint.c %D%/api/lint.h \
	%D%/api/log.c \
	%D%/api/meter.c \
	%D%/api/metrics.c \
	%D%/api/peer.c \
	%D%/api/openapi.c \
	%D%/api/plans.c \
	%D%/api/query.c \
	%D%/api/rate.c \
	%D%/api/reply.c \
	%D%/api/request.c \
	%D%/api/router.c \
	%D%/api/server.c \
	%D%/api/socket.c \
	%D%/api/system.c \
	%D%/api/tls.c \
	%D%/api/tokens.c \
	%D%/api/wait.c

check_PROGRAMS += fake-worker test-daemon
TESTS += test-daemon
test_daemon_CPPFLAGS = $(AM_CPPFLAGS) -DSUITES_DEF='"tests/daemon/suites.def"'
test_daemon_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(UV_CFLAGS) $(SQLITE_CFLAGS) $(JANSSON_CFLAGS)
test_daemon_LDADD = $(daemon_LIBS) $(CHECK_LIBS)
test_daemon_SOURCES = \
	%D%/main.c %D%/test.h \
	%D%/api/client.c %D%/api/client.h \
	%D%/api/lint.c %D%/api/lint.h \
	%D%/daemon/ages.c %D%/daemon/ages.h \
	%D%/client/script.c %D%/client/script.h \
	%D%/daemon/address.c \
	%D%/daemon/backend.c \
	%D%/daemon/backup.c \
	%D%/daemon/desk.c %D%/daemon/desk.h \
	%D%/daemon/ear.c %D%/daemon/ear.h \
	%D%/daemon/gauges.c \
	%D%/daemon/house.c %D%/daemon/house.h \
	%D%/daemon/ingest.c \
	%D%/daemon/jobs.c \
	%D%/daemon/log.c \
	%D%/daemon/odenetd.c \
	%D%/daemon/migrate.c \
	%D%/daemon/notify.c \
	%D%/daemon/planner.c \
	%D%/daemon/probe.c \
	%D%/daemon/queue.c \
	%D%/daemon/reload.c \
	%D%/daemon/sched.c \
	%D%/daemon/series.c \
	%D%/daemon/settings.c \
	%D%/daemon/sockets.c \
	%D%/daemon/stamp.c \
	%D%/daemon/storage.c \
	%D%/daemon/store.c \
	%D%/daemon/suites.def \
	%D%/daemon/supervise.c \
	%D%/daemon/sweeps.c \
	%D%/daemon/turns.c \
	%D%/daemon/ulid.c \
	%D%/daemon/webhook.c \
	%D%/daemon/world.c %D%/daemon/world.h
fake_worker_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
fake_worker_LDADD = $(JANSSON_LIBS)
fake_worker_SOURCES = %D%/daemon/fake_worker.c

# Stories of the real programs. Under sanitizers they are too slow to be told.
e2e_stories = \
	%D%/e2e/bad_specs.sh \
	%D%/e2e/blas.sh \
	%D%/e2e/browser.sh \
	%D%/e2e/check.sh \
	%D%/e2e/client.sh \
	%D%/e2e/command_line.sh \
	%D%/e2e/cookbook.sh \
	%D%/e2e/killed_worker.sh \
	%D%/e2e/levels.sh \
	%D%/e2e/main_job.sh \
	%D%/e2e/plans.sh \
	%D%/e2e/prefix.sh \
	%D%/e2e/queue.sh \
	%D%/e2e/security.sh \
	%D%/e2e/storm.sh \
	%D%/e2e/sweep.sh
if !SANITIZERS
TESTS += $(e2e_stories) %D%/contract/run.sh %D%/export/run.sh
endif
%D%/e2e/browser.log: %D%/web/run.log

else

check-local:
	@echo "make check needs Check: apt-get install check" >&2; exit 1

endif

distclean-local: tests-distclean
tests-distclean:
	rm -rf %D%/contract/work %D%/export/work

.PHONY: tests-distclean

EXTRA_DIST += \
	%D%/contract/client.mjs \
	%D%/contract/contract.mjs \
	%D%/contract/daemon.mjs \
	%D%/contract/document.mjs \
	%D%/contract/judge.mjs \
	%D%/contract/package-lock.json \
	%D%/contract/package.json \
	%D%/contract/redocly.yaml \
	%D%/contract/run.sh \
	%D%/contract/specs.mjs \
	%D%/e2e/bad_specs.sh \
	%D%/e2e/blas.sh \
	%D%/e2e/browser.sh \
	%D%/e2e/check.sh \
	%D%/e2e/client.sh \
	%D%/e2e/command_line.sh \
	%D%/e2e/cookbook.sh \
	%D%/e2e/killed_worker.sh \
	%D%/e2e/levels.sh \
	%D%/e2e/lib.sh \
	%D%/e2e/main_job.sh \
	%D%/e2e/plans.sh \
	%D%/e2e/prefix.sh \
	%D%/e2e/queue.sh \
	%D%/e2e/security.sh \
	%D%/e2e/storm.sh \
	%D%/e2e/sweep.sh \
	%D%/export/logits.mjs \
	%D%/export/npz.mjs \
	%D%/export/package-lock.json \
	%D%/export/package.json \
	%D%/export/run.sh \
	%D%/web/fake.mjs \
	%D%/web/lib.mjs \
	%D%/web/package-lock.json \
	%D%/web/package.json \
	%D%/web/page.test.mjs \
	%D%/web/run.sh \
	%D%/web/story.test.mjs
