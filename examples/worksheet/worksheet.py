"""A worksheet of symbolic mathematics: a projectile's range, and the angle that makes it longest."""

from sympy import diff, integrate, latex, pi, pretty, simplify, sin, solve, symbols

speed, gravity = symbols("v g", positive=True)
angle = symbols("a", positive=True)

range_ = speed**2 * sin(2 * angle) / gravity
best = [a for a in solve(diff(range_, angle), angle) if a < pi / 2]

print("range:        ", range_)
print("its slope:    ", simplify(diff(range_, angle)))
print("best angle:   ", best[0], "=", f"{float(best[0]) * 180 / float(pi):.0f} degrees")
print("longest range:", simplify(range_.subs(angle, best[0])))
print("mean range:   ", simplify(integrate(range_, (angle, 0, pi / 2)) / (pi / 2)))
print("as LaTeX:     ", latex(range_))
print(pretty(range_, use_unicode=True))
