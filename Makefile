# The hotline's set-up, start and tests. Everything is fetched into .venv and .tools; the machine itself is not touched.

PYTHON := $(shell setup/find-python)
BIN := .venv/bin
SETUP := $(PYTHON) -m setup
# The programs that set-up provides go first; Playwright's own runtime gets its missing library where it has none.
WITH_TOOLS = PATH="$(CURDIR)/.tools/bin:$(CURDIR)/$(BIN):$$PATH"; export PATH; \
	test ! -x .tools/bin/playwright-node || export PLAYWRIGHT_NODEJS_PATH="$(CURDIR)/.tools/bin/playwright-node";

.PHONY: help run test check bench setup setup-tests lock lock-asterisk clean
.DEFAULT_GOAL := help

help: ## 显示本说明 · show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

run: ## 准备好一切并启动演示热线 · set up and start the demo hotline
	@$(SETUP) 6 packages asterisk voice
	@echo "[4/6] 语音提示"; $(WITH_TOOLS) hotline prompts build
	@echo "[5/6] 数据库"; $(WITH_TOOLS) hotline db upgrade
	@echo "[6/6] 启动"; $(WITH_TOOLS) exec hotline run --demo --daytime

test: setup-tests ## 准备好一切并运行全部检查和测试 · set up, then all checks and tests
	@status=0; \
	echo "[8/9] 检查 (ruff, mypy, lint-imports)"; $(MAKE) --no-print-directory check || status=1; \
	echo "[9/9] 测试 (pytest)"; $(WITH_TOOLS) pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder || \
		{ echo "      以下再单独运行一次 · once more by itself, whatever failed beside others"; \
		pytest --last-failed --last-failed-no-failures none; } || status=1; \
	exit $$status

check: ## 代码规范、类型、模块依赖 · lint, types, import contracts
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/mypy --strict --package setup
	@$(BIN)/lint-imports

bench: setup-tests ## 测量呼叫和检索性能 · measure calls per second, latencies, search
	@$(WITH_TOOLS) python -m bench.calls && python -m bench.screenpop && python -m bench.kb

setup: ## 只做准备, 不启动 · set-up alone
	@$(SETUP) 3 packages asterisk voice

setup-tests:
	@$(SETUP) 9 packages asterisk voice database dispatcher browser loopback
	@echo "[7/9] 语音提示"; $(WITH_TOOLS) hotline prompts build

lock: ## 重新锁定 Python 软件包版本 · write requirements.lock anew from pyproject.toml
	@$(SETUP) 0 lock

lock-asterisk: ## 重新锁定 Asterisk 软件包版本 · write setup/asterisk.lock anew
	@$(SETUP) 0 lock-asterisk

clean: ## 删除所有可重新生成的内容, 保留 var/ 中的数据 · remove what set-up made, keep the data in var/
	rm -rf .venv .tools build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
