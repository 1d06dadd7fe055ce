"""The verbs of the chain, one module each; a stage returns what it makes and saves nothing itself."""
