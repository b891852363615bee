//! A graph: its vertices in layers of blocks, its edges as arrows with their rates.

use anyhow::{Result, ensure};
use elimap::phase::{Graph, VertexId};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::commands::show::formula;
use crate::plot::layout::{Layout, Point, arrows, layout};
use crate::plot::{BLUE, GREY, ORANGE, Picture, SANS, failed};

/// More vertices than this make no picture that anybody reads.
const MOST_VERTICES: usize = 300;
/// With more edges than this their rates are left out.
const MOST_LABELS: usize = 40;
const MARGIN: f64 = 46.0;
const TITLE: f64 = 44.0;
const LETTER: f64 = 9.2;
/// The same in the label of an arrow.
const SMALL_LETTER: f64 = 6.6;
const NODE_HEIGHT: f64 = 34.0;

/// A graph that is laid out.
pub(crate) struct GraphPicture<'g> {
    graph: &'g Graph,
    title: String,
    layout: Layout,
    node_width: f64,
    labels: Vec<String>,
}

impl<'g> GraphPicture<'g> {
    pub(crate) fn new(graph: &'g Graph, title: String) -> Result<GraphPicture<'g>> {
        let count = graph.vertex_count();
        ensure!(
            count <= MOST_VERTICES,
            "{count} vertices make no picture that can be read, {MOST_VERTICES} are the most; plot a smaller size of the model, list it with `elimap show`, or draw it with Graphviz from `elimap convert --to dot`"
        );
        let state = |vertex: VertexId| -> String {
            let entries: Vec<String> = graph
                .state(vertex)
                .iter()
                .map(ToString::to_string)
                .collect();
            entries.join(",")
        };
        let mut labels: Vec<String> = graph.vertices().map(state).collect();
        // Long states, as those of spectra, are told by `elimap show`.
        let long = labels
            .iter()
            .map(|label| label.chars().count())
            .max()
            .unwrap_or(0)
            > 12;
        if long || graph.state_length() == 0 {
            labels = graph
                .vertices()
                .map(|vertex| format!("v{}", vertex.index()))
                .collect();
        }
        labels[0] = "start".to_owned();
        let widest = labels
            .iter()
            .map(|label| label.chars().count())
            .max()
            .unwrap_or(0);
        let node_width = widest as f64 * LETTER + 24.0;
        let rates = graph.edges().map(|edge| formula(graph, &edge));
        let longest = rates.map(|rate| rate.chars().count()).max().unwrap_or(0);
        let arrows = graph.edge_count() + graph.start().len();
        let label = if arrows > MOST_LABELS { 0 } else { longest };
        Ok(GraphPicture {
            layout: layout(graph, node_width, label as f64 * SMALL_LETTER),
            graph,
            title,
            node_width,
            labels,
        })
    }

    fn place(&self, vertex: VertexId) -> Point {
        let (x, y) = self.layout.places[vertex.index()];
        (x + MARGIN, y + MARGIN + TITLE)
    }
}

/// A quadratic curve from a to b that bends by so much to its left.
struct Bend {
    a: Point,
    c: Point,
    b: Point,
}

impl Bend {
    fn new(a: Point, b: Point, bend: f64) -> Bend {
        let (dx, dy) = (b.0 - a.0, b.1 - a.1);
        let length = dx.hypot(dy).max(1e-9);
        let middle = ((a.0 + b.0) / 2.0, (a.1 + b.1) / 2.0);
        let c = (
            middle.0 + 2.0 * bend * dy / length,
            middle.1 - 2.0 * bend * dx / length,
        );
        Bend { a, c, b }
    }

    fn at(&self, t: f64) -> Point {
        let (u, v, w) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
        (
            u * self.a.0 + v * self.c.0 + w * self.b.0,
            u * self.a.1 + v * self.c.1 + w * self.b.1,
        )
    }
}

impl Picture for GraphPicture<'_> {
    fn size(&self) -> (u32, u32) {
        let width =
            (self.layout.width + 2.0 * MARGIN).max(self.title.chars().count() as f64 * 12.0 + 40.0);
        let height = self.layout.height + 2.0 * MARGIN + TITLE;
        (width.ceil() as u32, height.ceil() as u32)
    }

    fn paint<DB: DrawingBackend>(&self, area: &DrawingArea<DB, Shift>, scale: u32) -> Result<()> {
        let unit = f64::from(scale);
        let pixel = |(x, y): Point| ((x * unit).round() as i32, (y * unit).round() as i32);
        let font = |size: f64, color: &'static RGBColor| {
            let centre = Pos::new(HPos::Center, VPos::Center);
            TextStyle::from((SANS, size * unit).into_font())
                .color(color)
                .pos(centre)
        };
        let middle = f64::from(self.size().0) / 2.0;
        let title = Text::new(
            self.title.clone(),
            pixel((middle, TITLE * 0.6)),
            font(22.0, &BLACK),
        );
        area.draw(&title).map_err(failed)?;
        for &((x, y), radius) in &self.layout.circles {
            let centre = pixel((x + MARGIN, y + MARGIN + TITLE));
            let size = ((radius + self.node_width / 2.0 + 8.0) * unit) as i32;
            let disc = Circle::new(centre, size, RGBColor(240, 244, 249).filled());
            area.draw(&disc).map_err(failed)?;
        }
        let all = arrows(self.graph);
        let rates: Vec<(VertexId, VertexId, String)> = self
            .graph
            .start()
            .iter()
            .map(|(to, probability)| (VertexId::START, *to, probability.to_string()))
            .chain(
                self.graph
                    .edges()
                    .map(|e| (e.from, e.to, formula(self.graph, &e))),
            )
            .collect();
        let mut labels = Vec::new();
        for (from, to, rate) in &rates {
            let color = if *from == VertexId::START {
                ORANGE
            } else {
                GREY
            };
            let curve = self.bend(*from, *to, &all);
            let points: Vec<(i32, i32)> = (0..=24)
                .map(|k| pixel(curve.at(f64::from(k) / 24.0)))
                .collect();
            let style = color.stroke_width(scale + scale / 2);
            area.draw(&PathElement::new(points, style))
                .map_err(failed)?;
            area.draw(&Polygon::new(
                head(&curve).map(pixel).to_vec(),
                color.filled(),
            ))
            .map_err(failed)?;
            labels.push((curve, rate.clone()));
        }
        if rates.len() <= MOST_LABELS {
            for (at, rate) in self.settle(labels) {
                let around = Room::of_label(at, &rate);
                let corners = [
                    pixel((at.0 - around.half.0, at.1 - around.half.1)),
                    pixel((at.0 + around.half.0, at.1 + around.half.1)),
                ];
                area.draw(&Rectangle::new(corners, WHITE.mix(0.85).filled()))
                    .map_err(failed)?;
                area.draw(&Text::new(rate, pixel(at), font(13.0, &BLACK)))
                    .map_err(failed)?;
            }
        }
        for vertex in self.graph.vertices() {
            let (x, y) = self.place(vertex);
            let (fill, line) = match (vertex == VertexId::START, self.graph.is_absorbing(vertex)) {
                (true, _) => (RGBColor(253, 238, 224), ORANGE),
                (_, true) => (RGBColor(228, 228, 228), GREY),
                _ => (RGBColor(222, 234, 247), BLUE),
            };
            let half = (self.node_width / 2.0, NODE_HEIGHT / 2.0);
            let corners = [
                pixel((x - half.0, y - half.1)),
                pixel((x + half.0, y + half.1)),
            ];
            area.draw(&Rectangle::new(corners, fill.filled()))
                .map_err(failed)?;
            let width = if self.graph.is_absorbing(vertex) {
                3
            } else {
                2
            };
            let border = Rectangle::new(corners, line.stroke_width(width * scale / 2 + scale / 2));
            area.draw(&border).map_err(failed)?;
            let label = self.labels[vertex.index()].clone();
            area.draw(&Text::new(label, pixel((x, y)), font(15.0, &BLACK)))
                .map_err(failed)?;
        }
        Ok(())
    }
}

impl GraphPicture<'_> {
    /// The arrow between two vertices, from border to border.
    fn bend(&self, from: VertexId, to: VertexId, all: &[(VertexId, VertexId)]) -> Bend {
        let (a, b) = (self.place(from), self.place(to));
        let distance = (b.0 - a.0).hypot(b.1 - a.1);
        let bend = if all.contains(&(to, from)) {
            // There and back side by side.
            (0.09 * distance).clamp(14.0, 26.0)
        } else if self.passes(a, b, from, to) {
            0.16 * distance
        } else {
            0.0
        };
        let whole = Bend::new(a, b, bend);
        let is_inside = |p: Point, centre: Point| {
            (p.0 - centre.0).abs() < self.node_width / 2.0 + 2.0
                && (p.1 - centre.1).abs() < NODE_HEIGHT / 2.0 + 2.0
        };
        let steps = 200;
        let at = |k: i32| whole.at(f64::from(k) / f64::from(steps));
        let first = (0..steps).find(|&k| !is_inside(at(k), a)).unwrap_or(0);
        let last = (0..steps)
            .rev()
            .find(|&k| !is_inside(at(k), b))
            .unwrap_or(steps);
        let (start, end) = (at(first), at(last.max(first)));
        let bend = bend * f64::from((last - first).max(0)) / f64::from(steps);
        Bend::new(start, end, bend)
    }

    /// Whether a straight line would pass through another vertex.
    fn passes(&self, a: Point, b: Point, from: VertexId, to: VertexId) -> bool {
        let others = self.graph.vertices().filter(|&v| v != from && v != to);
        others.into_iter().any(|vertex| {
            let p = self.place(vertex);
            (1..20).any(|k| {
                let t = f64::from(k) / 20.0;
                let (x, y) = (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1));
                (x - p.0).abs() < self.node_width / 2.0 && (y - p.1).abs() < NODE_HEIGHT / 2.0
            })
        })
    }
}

/// The corners of an arrow's head.
fn head(curve: &Bend) -> [Point; 3] {
    let (tip, before) = (curve.at(1.0), curve.at(0.9));
    let (dx, dy) = (tip.0 - before.0, tip.1 - before.1);
    let length = dx.hypot(dy).max(1e-9);
    let (dx, dy) = (dx / length, dy / length);
    let base = (tip.0 - 11.0 * dx, tip.1 - 11.0 * dy);
    [
        tip,
        (base.0 - 4.5 * dy, base.1 + 4.5 * dx),
        (base.0 + 4.5 * dy, base.1 - 4.5 * dx),
    ]
}

/// A rectangle by its centre and half its sides.
#[derive(Clone, Copy)]
struct Room {
    centre: Point,
    half: Point,
}

impl Room {
    fn of_label(centre: Point, text: &str) -> Room {
        let width = text.chars().count() as f64 * SMALL_LETTER;
        Room {
            centre,
            half: (width / 2.0 + 1.0, 8.0),
        }
    }

    /// The area that two have in common.
    fn common(self, other: Room) -> f64 {
        let along = |a: f64, b: f64, reach: f64| (reach - (a - b).abs()).max(0.0);
        let across = self.half.0 + other.half.0;
        let down = self.half.1 + other.half.1;
        along(self.centre.0, other.centre.0, across) * along(self.centre.1, other.centre.1, down)
    }

    fn holds(self, (x, y): Point) -> bool {
        (x - self.centre.0).abs() <= self.half.0 && (y - self.centre.1).abs() <= self.half.1
    }
}

/// Where along its arrow a label may stand.
const PLACES: [f64; 13] = [
    0.5, 0.45, 0.55, 0.4, 0.6, 0.35, 0.65, 0.3, 0.7, 0.25, 0.75, 0.2, 0.8,
];

/// What covering another label or a vertex costs per unit of area, crossing another arrow per point of it, and being away from the
/// middle.
const COVERED: f64 = 1.0;
const CROSSED: f64 = 12.0;
const OFF_CENTRE: f64 = 20.0;

impl GraphPicture<'_> {
    /// Places for labels, each on its own arrow, where they cover least; those of the shortest arrows first.
    fn settle(&self, labels: Vec<(Bend, String)>) -> Vec<(Point, String)> {
        let vertices = self.graph.vertices().map(|vertex| Room {
            centre: self.place(vertex),
            half: (self.node_width / 2.0, NODE_HEIGHT / 2.0),
        });
        let vertices: Vec<Room> = vertices.collect();
        let length = |curve: &Bend| (curve.b.0 - curve.a.0).hypot(curve.b.1 - curve.a.1);
        let mut order: Vec<usize> = (0..labels.len()).collect();
        order.sort_by(|&i, &j| length(&labels[i].0).total_cmp(&length(&labels[j].0)));
        let mut placed: Vec<(Point, Room, usize)> = Vec::new();
        for &own in &order {
            let (curve, text) = &labels[own];
            let cost = |t: f64| {
                let room = Room::of_label(curve.at(t), text);
                let others = placed.iter().map(|(_, other, _)| room.common(*other));
                let covered: f64 = others.chain(vertices.iter().map(|v| room.common(*v))).sum();
                let crossing = labels.iter().enumerate().filter(|(place, _)| *place != own);
                let points = crossing.flat_map(|(_, (other, _))| {
                    (0..=48).filter(|&k| room.holds(other.at(f64::from(k) / 48.0)))
                });
                let crossed = points.count() as f64;
                COVERED * covered + CROSSED * crossed + OFF_CENTRE * (t - 0.5).abs()
            };
            let best = PLACES
                .into_iter()
                .map(|t| (cost(t), t))
                .min_by(|a, b| a.0.total_cmp(&b.0));
            let at = curve.at(best.map_or(0.5, |(_, t)| t));
            placed.push((at, Room::of_label(at, text), own));
        }
        placed
            .into_iter()
            .map(|(at, _, own)| (at, labels[own].1.clone()))
            .collect()
    }
}
