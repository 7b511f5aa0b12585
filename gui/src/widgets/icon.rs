//! Icons, drawn as strokes on a 24 by 24 grid so that they are sharp at every zoom.

use egui::{Color32, Painter, Pos2, Rect, Shape, Stroke, pos2};

/// A picture on a button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Icon {
    /// Make something.
    Plus,
    /// Enter with a code.
    Key,
    /// Settings.
    Sliders,
    /// Search.
    Lens,
    /// People.
    People,
    /// Share a code.
    Share,
    /// Go back.
    Back,
    /// Send.
    Send,
    /// Close.
    Cross,
    /// Go to the newest.
    Down,
    /// The network.
    Nodes,
    /// Answer.
    Reply,
    /// Edit.
    Pen,
    /// Done, reached.
    Check,
    /// Reached by all.
    Checks,
    /// Waiting.
    Clock,
    /// The archive.
    Box,
    /// React.
    Smile,
    /// Take away.
    Trash,
    /// Take a copy.
    Copy,
    /// A conversation.
    Bubble,
    /// Verified.
    Shield,
    /// Be careful.
    Alert,
    /// Lock.
    Padlock,
}

impl Icon {
    /// Draws it, filling the rectangle.
    pub fn paint(self, painter: &Painter, rect: Rect, color: Color32) {
        let scale = rect.width().min(rect.height()) / 24.0;
        let origin = rect.center() - egui::vec2(12.0, 12.0) * scale;
        let at = |x: f32, y: f32| origin + egui::vec2(x, y) * scale;
        let pen = Pen { painter, stroke: Stroke::new((1.8 * scale).max(1.2), color), scale, color };
        match self {
            Self::Plus => pen.lines(&[&[at(12.0, 5.0), at(12.0, 19.0)], &[at(5.0, 12.0), at(19.0, 12.0)]]),
            Self::Key => {
                pen.ring(at(8.0, 15.0), 4.0);
                pen.lines(&[&[at(11.0, 12.0), at(19.0, 4.0)], &[at(15.5, 7.5), at(18.5, 10.5)]]);
            }
            Self::Sliders => {
                pen.lines(&[&[at(4.0, 8.0), at(20.0, 8.0)], &[at(4.0, 16.0), at(20.0, 16.0)]]);
                pen.dot(at(9.0, 8.0), 2.8);
                pen.dot(at(15.0, 16.0), 2.8);
            }
            Self::Lens => {
                pen.ring(at(10.5, 10.5), 6.0);
                pen.lines(&[&[at(15.0, 15.0), at(20.0, 20.0)]]);
            }
            Self::People => {
                pen.ring(at(9.0, 8.5), 3.3);
                pen.arc(at(9.0, 20.0), 6.0, 180.0, 360.0);
                pen.ring(at(17.0, 9.5), 2.4);
                pen.arc(at(17.0, 18.5), 4.2, 250.0, 360.0);
            }
            Self::Share => {
                pen.lines(&[
                    &[at(12.0, 15.0), at(12.0, 4.0)],
                    &[at(8.0, 8.0), at(12.0, 4.0), at(16.0, 8.0)],
                    &[at(6.0, 12.0), at(5.0, 12.0), at(5.0, 20.0), at(19.0, 20.0), at(19.0, 12.0), at(18.0, 12.0)],
                ]);
            }
            Self::Back => pen.lines(&[&[at(14.5, 5.0), at(7.5, 12.0), at(14.5, 19.0)]]),
            Self::Send => {
                let wing = vec![at(3.5, 4.0), at(21.0, 12.0), at(3.5, 20.0), at(6.5, 12.0)];
                // Two triangles: the outline is not convex.
                if let [a, b, c, d] = wing.as_slice() {
                    painter.add(Shape::convex_polygon(vec![*a, *b, *d], color, Stroke::NONE));
                    painter.add(Shape::convex_polygon(vec![*d, *b, *c], color, Stroke::NONE));
                }
            }
            Self::Cross => pen.lines(&[&[at(6.5, 6.5), at(17.5, 17.5)], &[at(17.5, 6.5), at(6.5, 17.5)]]),
            Self::Down => {
                pen.lines(&[&[at(12.0, 5.0), at(12.0, 19.0)], &[at(6.0, 13.0), at(12.0, 19.0), at(18.0, 13.0)]])
            }
            Self::Nodes => {
                pen.lines(&[&[at(12.0, 6.0), at(6.0, 17.0), at(18.0, 17.0), at(12.0, 6.0)]]);
                for center in [at(12.0, 6.0), at(6.0, 17.0), at(18.0, 17.0)] {
                    pen.dot(center, 3.0);
                }
            }
            Self::Reply => {
                pen.lines(&[
                    &[at(9.0, 6.0), at(4.0, 11.0), at(9.0, 16.0)],
                    &[at(4.0, 11.0), at(14.0, 11.0), at(18.5, 13.5), at(19.5, 19.0)],
                ]);
            }
            Self::Pen => {
                pen.lines(&[
                    &[at(4.5, 19.5), at(5.5, 15.0), at(15.5, 5.0), at(19.0, 8.5), at(9.0, 18.5), at(4.5, 19.5)],
                    &[at(13.0, 7.5), at(16.5, 11.0)],
                ]);
            }
            Self::Check => pen.lines(&[&[at(5.0, 12.5), at(10.0, 17.5), at(19.0, 7.0)]]),
            Self::Checks => {
                pen.lines(&[
                    &[at(2.0, 12.5), at(7.0, 17.5), at(15.0, 7.0)],
                    &[at(11.5, 15.5), at(13.5, 17.5), at(21.5, 7.0)],
                ]);
            }
            Self::Clock => {
                pen.ring(at(12.0, 12.0), 7.5);
                pen.lines(&[&[at(12.0, 7.5), at(12.0, 12.0), at(15.0, 14.0)]]);
            }
            Self::Box => {
                pen.lines(&[
                    &[at(4.0, 5.0), at(20.0, 5.0), at(20.0, 9.5), at(4.0, 9.5), at(4.0, 5.0)],
                    &[at(5.5, 9.5), at(5.5, 19.5), at(18.5, 19.5), at(18.5, 9.5)],
                    &[at(10.0, 13.0), at(14.0, 13.0)],
                ]);
            }
            Self::Smile => {
                pen.ring(at(12.0, 12.0), 8.0);
                pen.dot(at(9.3, 10.0), 1.1);
                pen.dot(at(14.7, 10.0), 1.1);
                pen.arc(at(12.0, 12.5), 4.0, 20.0, 160.0);
            }
            Self::Trash => {
                pen.lines(&[
                    &[at(5.0, 7.0), at(19.0, 7.0)],
                    &[at(9.5, 7.0), at(9.5, 4.5), at(14.5, 4.5), at(14.5, 7.0)],
                    &[at(6.5, 7.0), at(7.5, 20.0), at(16.5, 20.0), at(17.5, 7.0)],
                ]);
            }
            Self::Copy => {
                pen.lines(&[
                    &[at(9.0, 9.0), at(19.0, 9.0), at(19.0, 20.0), at(9.0, 20.0), at(9.0, 9.0)],
                    &[at(6.5, 15.0), at(5.0, 15.0), at(5.0, 4.0), at(15.0, 4.0), at(15.0, 6.5)],
                ]);
            }
            Self::Shield => {
                pen.lines(&[
                    &[
                        at(12.0, 3.5),
                        at(19.0, 6.0),
                        at(18.5, 13.0),
                        at(12.0, 20.5),
                        at(5.5, 13.0),
                        at(5.0, 6.0),
                        at(12.0, 3.5),
                    ],
                    &[at(8.5, 11.5), at(11.0, 14.0), at(15.5, 9.0)],
                ]);
            }
            Self::Alert => {
                pen.lines(&[
                    &[at(12.0, 4.0), at(21.0, 19.5), at(3.0, 19.5), at(12.0, 4.0)],
                    &[at(12.0, 10.0), at(12.0, 14.0)],
                ]);
                pen.dot(at(12.0, 16.8), 1.2);
            }
            Self::Padlock => {
                pen.lines(&[
                    &[at(5.5, 11.0), at(18.5, 11.0), at(18.5, 20.0), at(5.5, 20.0), at(5.5, 11.0)],
                    &[at(8.0, 11.0), at(8.0, 8.5)],
                    &[at(16.0, 11.0), at(16.0, 8.5)],
                ]);
                pen.arc(at(12.0, 8.5), 4.0, 180.0, 360.0);
            }
            Self::Bubble => {
                pen.lines(&[&[
                    at(4.0, 5.5),
                    at(20.0, 5.5),
                    at(20.0, 16.5),
                    at(12.0, 16.5),
                    at(7.5, 20.5),
                    at(7.5, 16.5),
                    at(4.0, 16.5),
                    at(4.0, 5.5),
                ]]);
            }
        }
    }
}

struct Pen<'a> {
    painter: &'a Painter,
    stroke: Stroke,
    scale: f32,
    color: Color32,
}

impl Pen<'_> {
    fn lines(&self, lines: &[&[Pos2]]) {
        for line in lines {
            self.painter.add(Shape::line(line.to_vec(), self.stroke));
            // Round ends.
            for end in line.iter() {
                self.painter.circle_filled(*end, self.stroke.width / 2.0, self.color);
            }
        }
    }

    fn ring(&self, center: Pos2, radius: f32) {
        self.painter.circle_stroke(center, radius * self.scale, self.stroke);
    }

    fn dot(&self, center: Pos2, radius: f32) {
        self.painter.circle_filled(center, radius * self.scale, self.color);
    }

    /// An arc between two angles in degrees, clockwise from three o'clock.
    fn arc(&self, center: Pos2, radius: f32, from: f32, to: f32) {
        const STEPS: u8 = 16;
        let points = (0..=STEPS).map(|step| {
            let angle = (from + (to - from) * f32::from(step) / f32::from(STEPS)).to_radians();
            pos2(center.x + angle.cos() * radius * self.scale, center.y + angle.sin() * radius * self.scale)
        });
        self.painter.add(Shape::line(points.collect(), self.stroke));
    }
}
