# make demo    the main job on real data, in about a minute
# make test    all tests that need no outside service
# make check   format, lint, types, arrows between the layers, sizes
# make soak    the long forms of the crash, fuzz and property tests
# make bench   the benchmarks, and the plot of docs/benchmarks.md
# make serve   a server on ./tandem-data
# make spark   PySpark into the environment (0.5 GB), so that `make test` runs its tests too
# make clients other clients into .venv-clients, so that `make test` runs their tests too
# make sagemaker  both versions of the SageMaker SDK, an environment each (1.3 GB), likewise
# make lock    the lock files anew from pyproject.toml

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
SPARK_READY := .venv/.spark-ready
NODE_PACKAGES := tests/e2e/node/node_modules
WORKERS ?= 2
PYTEST ?= $(BIN)/pytest
# Without the resolver: a lock is whole, and pip would otherwise ask for newer releases of extras. And
# nothing is compiled that is never imported, which is most; what is imported must be compiled then.
INSTALL := install --quiet --disable-pip-version-check --no-compile --no-deps --require-hashes
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check soak bench serve spark clients sagemaker lock format clean

$(READY): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tandem needs Python 3.11 or newer: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip $(INSTALL) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# Node.js is optional: without npm the test that needs it is skipped and says so.
$(NODE_PACKAGES): tests/e2e/node/package-lock.json
	if command -v npm >/dev/null; then cd tests/e2e/node && npm ci --silent --no-audit --no-fund; fi

demo: $(READY)
	$(BIN)/python examples/cdnow/demo.py

test: $(READY) $(NODE_PACKAGES)
	$(PYTEST) -n $(WORKERS) --dist worksteal

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -q tests/style

soak: $(READY) $(NODE_PACKAGES)
	TANDEM_KILL_ROUNDS=50 TANDEM_FUZZ_EXAMPLES=10000 TANDEM_PROPERTY_EXAMPLES=2000 \
	TANDEM_ATHENA_ROUNDS=1000 TANDEM_ATHENA_KILLS=30 TANDEM_DATASET_EXAMPLES=500 TANDEM_QUERY_ROUNDS=1000 \
		$(BIN)/pytest -n $(WORKERS) tests/e2e/crash tests/e2e/athena tests/e2e/sagemaker tests/e2e/test_read_your_writes.py \
			tests/wire tests/property

bench: $(READY)
	$(BIN)/python -m benchmarks --plot docs/benchmarks.svg

serve: $(READY)
	$(BIN)/tandem serve

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

spark: $(SPARK_READY)

$(SPARK_READY): requirements-spark.lock $(READY)
	$(BIN)/pip $(INSTALL) -r requirements-spark.lock
	touch $@

clients: .venv-clients/.ready

sagemaker: .venv-sagemaker-v2/.ready .venv-sagemaker-v3/.ready

# Environments of their own, as users of these clients have them.
.venv-%/.ready: requirements-%.lock
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/pip $(INSTALL) -r $<
	touch $@

lock: $(READY)
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile pyproject.toml --group dev --group build --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --upgrade \
		--quiet --output-file requirements.lock
	for group in spark clients sagemaker-v2 sagemaker-v3; do \
		$(BIN)/uv pip compile --group $$group --universal --python-version 3.11 \
			--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --upgrade \
			--quiet --output-file requirements-$$group.lock || exit 1; done

clean:
	rm -rf .venv .venv-clients .venv-sagemaker-v2 .venv-sagemaker-v3 .mypy_cache .ruff_cache .pytest_cache .hypothesis $(NODE_PACKAGES)
