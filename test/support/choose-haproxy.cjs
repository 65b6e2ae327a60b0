// Where one run goes over several versions of HAProxy, each has a configuration of its own, which names the executable.
process.env.HAPROXY_BIN = globalThis.haproxyBin;
process.env.MATRIX_PAIRS = 'diagonal';
