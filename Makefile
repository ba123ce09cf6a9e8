# Two commands set up everything: `make demo` and `make test`. Each target makes the environment that it needs;
# a changed pyproject.toml brings it up to date.

PYTHON ?= python3
PIP_INSTALL = -m pip install --quiet --disable-pip-version-check
ENV = .venv/bin/python
ORACLE = .venv-conformance/bin/python
BENCH ?= --libs torch,rushlight,rushlight-compile,rushlight-nojit,rushlight-compile-nojit

.PHONY: demo test lint conformance bench clean

demo: .venv/ready
	.venv/bin/rushlight demo

test: .venv/ready
	$(ENV) -m pytest $(TESTS)

lint: .venv/ready
	$(ENV) -m ruff check .
	$(ENV) -m mypy

conformance: .venv-conformance/ready
	$(ORACLE) conformance/ratchet.py $(RATCHET)

bench: .venv-conformance/ready
	$(ORACLE) bench/bench.py $(BENCH)

clean:
	rm -rf .venv .venv-conformance build dist *.egg-info

# A Python without ensurepip (Debian's, unless python3-venv is there) still makes an environment; its own pip then fills it.
%/bin/python:
	$(PYTHON) -m venv $* 2>/dev/null || \
	{ $(PYTHON) -m venv --clear --without-pip $* && $(PYTHON) -m pip --python $@ install --quiet pip; }

.venv/ready: pyproject.toml | .venv/bin/python
	$(ENV) $(PIP_INSTALL) --editable '.[dev]'
	touch $@

.venv-conformance/ready: pyproject.toml | .venv-conformance/bin/python
	$(ORACLE) $(PIP_INSTALL) --editable '.[demo,jit]' torch==2.13.0 expecttest hypothesis pyyaml
	touch $@
