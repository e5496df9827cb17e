# The targets are what continuous integration runs. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup editors clients vsix training demo check test test-fast test-training bench format docs clean

help: ## This list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: ## Make .venv with everything installed; .venv/bin/sotto works after it
	@$(PYTHON) .ci/setup.py

editors: setup ## Fetch the editors that the tests drive into the user's cache folder
	@$(BIN)/python .ci/editors.py
	@$(BIN)/python .ci/vscode.py
	@$(BIN)/python .ci/vsix.py

clients: editors ## Record what the editors say of themselves, into tests/fixtures/clients
	@$(BIN)/python -m tests.editors.record_clients

vsix: setup ## Build the VS Code extension into dist/
	@$(BIN)/python .ci/vsix.py

training: setup ## Make .venv-training, the environment of the recipe in training/ (PyTorch)
	@$(BIN)/python .ci/training.py

demo: setup ## Start the real server, type into a real file, print the ghost text as it comes
	@$(BIN)/python -m bench.demo

check: setup ## Format, lint, types, import rules, fast tests; under a minute
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(MAKE) --no-print-directory test-fast

test-fast:
	$(BIN)/pytest -q -n auto -m "not e2e and not editor"

test-training: training ## The training recipe on a few hundred tiny files; PyTorch is a large download
	.venv-training/bin/python -m pytest -q training/tests

test: editors ## Everything: `make check`, the training recipe, the real process and model, the real editors
	$(MAKE) --no-print-directory check
	$(MAKE) --no-print-directory test-training
	$(BIN)/pytest -q -m "e2e or editor"

bench: setup ## Keystroke-to-suggestion latency; see docs/benchmarks.md
	$(BIN)/python -m bench.latency $(ARGS)

format: ## Format and mend what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: ## Write the generated documentation anew
	$(BIN)/python -m lsp.configuration_docs
	$(BIN)/python .ci/vscode_manifest.py

clean: ## Remove what tools left here; the environment stays
	rm -rf .pytest_cache .ruff_cache .hypothesis .import_linter_cache dist build
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
