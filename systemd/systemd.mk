# systemd: units for a machine that runs odenetd as a service

systemdsystemunit_DATA = %D%/odenetd.service
EXTRA_DIST += %D%/odenetd.service.in
CLEANFILES += %D%/odenetd.service

%D%/odenetd.service: %D%/odenetd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	    $(SED) -e 's|@sbindir[@]|$(sbindir)|g' $(srcdir)/%D%/odenetd.service.in > $@.new && \
	    mv -f $@.new $@
