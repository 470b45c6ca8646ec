# man: the manual

dist_man_MANS += %D%/odenet.1 %D%/odenetd.conf.5 %D%/odenetd.8
