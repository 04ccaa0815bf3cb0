"""How fast it is, beside the limits and beside what people would pick instead.

``python -m benchmarks --help``; how it measures is told in docs/performance.md.
"""
