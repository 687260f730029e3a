# Everything that people run; the work is done by scripts/.
.DEFAULT_GOAL := help
.PHONY: help demo stack test check format page gen tools show bench clean-check

help:  ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo:  ## Set up everything and run the demo in a browser (ARGS="--duration 20 --no-open --summary FILE")
	@scripts/demo $(ARGS)

stack:  ## The whole pipeline natively: chat, users, Collector, Prometheus, Jaeger, console (ARGS="--port 8300 ...")
	@scripts/stack $(ARGS)

test:  ## Set up everything and run all tests (ARGS="-k name" goes to pytest)
	@scripts/test $(ARGS)

check:  ## Style, types, import contract, generated files
	@scripts/check

format:  ## Format everything
	@scripts/format

page:  ## Build the console's page
	@scripts/page

gen:  ## Write the generated files anew
	@scripts/setup
	@scripts/gen

tools:  ## Build the Collector, Prometheus and Jaeger from their Go modules, into a cache outside the checkout
	@scripts/tools

show:  ## Prove a piece of work, NAME=spine
	@scripts/show $(NAME) $(ARGS)

bench:  ## Measure ours beside the peers (ARGS="messages", "network", "memory", "ingest", "report", "brokers", ...)
	@scripts/bench $(ARGS)

clean-check:  ## Both README commands from a clean clone with an empty HOME
	@scripts/clean-check
