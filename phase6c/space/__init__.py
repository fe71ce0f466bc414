"""What is searched: axes, parameter budgets, feasible shapes, and their transfer between spaces."""
