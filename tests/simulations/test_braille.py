from math import nan

from simulations.braille import BLANK, Canvas, Curve, Window

FULL = chr(BLANK + 0xFF)
WINDOW = Window(start_at=0.0, end_at=7.0, highest=8.0)


def drawn(*curves: Curve) -> list[str]:
    """Return a chart of 4 x 2 characters: 8 x 8 dots, one for each unit."""
    canvas = Canvas(4, 2, WINDOW)
    for curve in curves:
        canvas.draw(curve)
    return [row.plain for row in canvas.rows()]


def test_a_filled_curve_fills_down_to_zero():
    flat = Curve(points=[(0.0, 8.0), (7.0, 8.0)], style="", is_filled=True)
    assert drawn(flat) == [FULL * 4, FULL * 4]


def test_a_flat_line_is_one_dot_high():
    assert drawn(Curve(points=[(0.0, 0.0), (7.0, 0.0)], style="")) == [
        chr(BLANK) * 4,
        chr(BLANK + 0xC0) * 4,
    ]


def test_a_step_stays_level_until_the_next_point():
    step = Curve(points=[(0.0, 0.0), (4.0, 8.0), (7.0, 8.0)], style="", is_step=True)
    slope = Curve(points=step.points, style="")
    assert drawn(step)[1][:2] == chr(BLANK + 0xC0) * 2
    assert drawn(slope)[1][:2] != chr(BLANK + 0xC0) * 2


def test_what_is_not_known_leaves_a_gap():
    curve = Curve(points=[(0.0, nan), (4.0, nan), (5.0, 0.0), (7.0, 0.0)], style="")
    assert drawn(curve)[1][0] == chr(BLANK)


def test_a_later_curve_takes_over_the_characters_it_passes():
    area = Curve(points=[(0.0, 8.0), (7.0, 8.0)], style="blue", is_filled=True)
    canvas = Canvas(4, 2, WINDOW)
    canvas.draw(area)
    canvas.draw(Curve(points=[(0.0, 0.0), (7.0, 0.0)], style="red"))
    top, bottom = canvas.rows()
    assert {str(span.style) for span in top.spans} == {"blue"}
    assert {str(span.style) for span in bottom.spans} == {"red"}
