# systemd: units for a machine that runs odenetd as a service

# One text makes both services: lines that begin with @private@ are of the one without a
# network, those with @network@ of the other.
systemdsystemunit_DATA = %D%/odenetd.service %D%/odenetd-network.service %D%/odenetd.socket
EXTRA_DIST += %D%/odenetd.service.in %D%/odenetd.socket
CLEANFILES += %D%/odenetd.service %D%/odenetd-network.service

%D%/odenetd.service: %D%/odenetd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	    $(SED) -e '/^@network@/d' -e 's|^@private@||' -e 's|@unit[@]|odenetd|' \
	    -e 's|@sbindir[@]|$(sbindir)|g' $(srcdir)/%D%/odenetd.service.in > $@.new && \
	    mv -f $@.new $@

%D%/odenetd-network.service: %D%/odenetd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	    $(SED) -e '/^@private@/d' -e 's|^@network@||' -e 's|@unit[@]|odenetd-network|' \
	    -e 's|@sbindir[@]|$(sbindir)|g' $(srcdir)/%D%/odenetd.service.in > $@.new && \
	    mv -f $@.new $@
