// The vehicles' shader: each is one square whose fragments measure the distance to the state's shape. Place, heading and
// age follow from the time alone, so the processor does nothing for a vehicle between two samples.
import { LOOKS, STALE_MS } from '../live/state'

export const VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec2 corner;
layout(location = 1) in vec4 way;      // from x, y, to x, y
layout(location = 2) in vec4 course;   // from heading, to heading, began, takes
layout(location = 3) in vec2 told;     // measured, look
uniform mat4 matrix;
uniform vec2 pixel;                    // one pixel in clip space
uniform float now;
uniform float size;
uniform int selected;
uniform int hovered;
out vec2 at;
flat out int look;
flat out float stale;
flat out float marked;
void main() {
  float part = clamp((now - course.z) / course.w, 0.0, 1.0);
  vec2 place = mix(way.xy, way.zw, part);
  float heading = radians(mix(course.x, course.y, part));
  look = int(told.y);
  stale = smoothstep(${(STALE_MS / 1000).toFixed(1)}, ${(STALE_MS / 1000 + 1).toFixed(1)}, now - told.x);
  marked = gl_InstanceID == selected ? 2.0 : gl_InstanceID == hovered ? 1.0 : 0.0;
  // Only what drives has a front.
  bool turns = look <= 1;
  float c = cos(heading), s = sin(heading);
  at = turns ? vec2(corner.x * c - corner.y * s, corner.x * s + corner.y * c) : corner;
  float large = size * (look == 2 ? 0.8 : 1.0) * (marked > 0.5 ? 1.25 : 1.0);
  vec4 centre = matrix * vec4(place, 0.0, 1.0);
  gl_Position = centre + vec4(corner * large * pixel * centre.w, 0.0, 0.0);
}`

export const FRAGMENT = `#version 300 es
precision highp float;
in vec2 at;
flat in int look;
flat in float stale;
flat in float marked;
uniform vec4 colours[${LOOKS.length}];
uniform vec4 edge;
uniform vec4 ring;
uniform float size;
out vec4 colour;

float box(vec2 p, vec2 b) { vec2 d = abs(p) - b; return length(max(d, 0.0)) + min(max(d.x, d.y), 0.0); }
float octagon(vec2 p) { p = abs(p); return max(max(p.x, p.y), (p.x + p.y) * 0.70711) - 0.56; }
float arrow(vec2 p) {
  // A head with a notch: two half planes on each side, mirrored.
  p.x = abs(p.x);
  float side = dot(p - vec2(0.0, 0.78), normalize(vec2(1.42, 0.56)));
  float notch = dot(p - vec2(0.0, -0.28), normalize(vec2(-0.34, -0.9)));
  return max(side, notch);
}

void main() {
  float soft = 1.6 / size;
  float d;
  if (look <= 1) d = arrow(at);
  else if (look == 2) d = length(at) - 0.52;
  else if (look == 3) d = (abs(at.x) + abs(at.y)) * 0.70711 - 0.5;
  else if (look == 4) d = box(at, vec2(0.46));
  else if (look == 5) d = octagon(at);
  else d = abs(length(at) - 0.46) - 0.1;
  vec4 fill = colours[look];
  // Hollow: under way without load.
  float hole = look == 1 ? smoothstep(soft, -soft, d + 0.19) : 0.0;
  // The bars that make a shape readable without its colour.
  if (look == 5) hole = max(hole, smoothstep(soft, -soft, box(at, vec2(0.3, 0.09))));
  if (look == 4) hole = max(hole, smoothstep(soft, -soft, min(box(at - vec2(0.15, 0.0), vec2(0.065, 0.24)), box(at + vec2(0.15, 0.0), vec2(0.065, 0.24)))));
  if (look == 6) d = min(d, box(vec2(at.x + at.y, at.x - at.y) * 0.70711, vec2(0.46, 0.08)));
  vec3 inner = mix(fill.rgb, edge.rgb, hole);
  float body = smoothstep(soft, -soft, d);
  float halo = smoothstep(soft, -soft, d - 0.13);
  float fade = mix(1.0, 0.45, stale);
  vec4 vehicle = vec4(mix(edge.rgb, inner, body), halo) * vec4(1.0, 1.0, 1.0, fade);
  // What is stale wears a broken ring; what is selected a whole one.
  float angle = atan(at.y, at.x);
  float dashes = step(0.0, sin(angle * 7.0));
  float line = smoothstep(soft, -soft, abs(length(at) - 0.86) - 0.05);
  float stalering = line * dashes * stale;
  float mark = smoothstep(soft, -soft, abs(length(at) - 0.9) - (marked > 1.5 ? 0.075 : 0.045)) * step(0.5, marked);
  vec4 around = mark > 0.0 ? vec4(ring.rgb, mark) : vec4(fill.rgb, stalering);
  float a = vehicle.a + around.a * (1.0 - vehicle.a);
  if (a < 0.01) discard;
  colour = vec4(vehicle.rgb * vehicle.a + around.rgb * around.a * (1.0 - vehicle.a), a);
}`
