# web: the dashboard, built by Vite and embedded as libweb.a
#
# page.stamp stands for the built page, dist/, beside it. A distribution archive holds both,
# newer than the sources, so that nothing is built from it and no Node is needed. Otherwise
# the page is built in the build tree; the source tree is only read.

noinst_LIBRARIES += libweb.a
libweb_a_SOURCES = %D%/assets.h
nodist_libweb_a_SOURCES = %D%/assets.c
web_LIBS = libweb.a

web_page = \
	%D%/index.html \
	%D%/package-lock.json \
	%D%/package.json \
	%D%/public/favicon.svg \
	%D%/src/api.ts \
	%D%/src/charts/chart.tsx \
	%D%/src/charts/charts.tsx \
	%D%/src/charts/paint.ts \
	%D%/src/charts/series.ts \
	%D%/src/format.ts \
	%D%/src/hooks.ts \
	%D%/src/link.ts \
	%D%/src/main.tsx \
	%D%/src/poll.ts \
	%D%/src/router.ts \
	%D%/src/session.ts \
	%D%/src/style.css \
	%D%/src/views/cancel.tsx \
	%D%/src/views/ladder.tsx \
	%D%/src/views/levels.tsx \
	%D%/src/views/log.tsx \
	%D%/src/views/login.tsx \
	%D%/src/views/parts.tsx \
	%D%/src/views/run.tsx \
	%D%/src/views/runs.tsx \
	%D%/src/views/shell.tsx \
	%D%/src/views/spec.tsx \
	%D%/tsconfig.json \
	%D%/vite.config.ts

EXTRA_DIST += %D%/build.sh %D%/embed.sh %D%/page.stamp $(web_page)
CLEANFILES += %D%/assets.c
MAINTAINERCLEANFILES += %D%/page.stamp

AM_V_PAGE = $(am__v_PAGE_@AM_V@)
am__v_PAGE_ = $(am__v_PAGE_@AM_DEFAULT_V@)
am__v_PAGE_0 = @echo "  PAGE     $@";

%D%/page.stamp: %D%/build.sh $(web_page)
	$(AM_V_PAGE)$(MKDIR_P) %D% && \
	    $(SHELL) $(srcdir)/%D%/build.sh $(srcdir) "$(NPM)" $(web_page)

# $$page: the folder that has the page which page.stamp stands for.
web_page_folder = page=%D%/dist; test -f %D%/page.stamp || page=$(srcdir)/%D%/dist

%D%/assets.c: %D%/page.stamp %D%/embed.sh
	$(AM_V_GEN)$(MKDIR_P) %D% && $(web_page_folder) && \
	    $(SHELL) $(srcdir)/%D%/embed.sh "$$page" > $@.new && mv -f $@.new $@

dist-hook: web-dist
web-dist:
	$(web_page_folder) && rm -rf $(distdir)/%D%/dist && \
	    cp -R "$$page" $(distdir)/%D%/dist && chmod -R u+w $(distdir)/%D%/dist

maintainer-clean-local: web-maintainer-clean
web-maintainer-clean:
	rm -rf %D%/dist

distclean-local: web-distclean
web-distclean:
	rm -rf %D%/work tests/%D%/work

.PHONY: web-dist web-distclean web-maintainer-clean
