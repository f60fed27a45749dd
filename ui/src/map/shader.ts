// The vehicles' shader: each vehicle is a square, and its fragments compute the signed distance to its state's symbol.
// Position, heading and age follow from the time alone, so the CPU does nothing for a vehicle between two samples.
import { STALE_MS, VEHICLE_STATES } from '../live/state'

export const VERTEX = `#version 300 es
precision highp float;
layout(location = 0) in vec2 corner;
layout(location = 1) in vec4 path;     // from x, y, to x, y
layout(location = 2) in vec4 motion;   // from heading, to heading, start, duration
layout(location = 3) in vec2 sampled;  // measured, state
uniform mat4 matrix;
uniform vec2 pixelSize;                // in clip space
uniform float now;
uniform float size;
uniform int selected;
uniform int hovered;
out vec2 at;
flat out int state;
flat out float stale;
flat out float highlight;
void main() {
  float fraction = clamp((now - motion.z) / motion.w, 0.0, 1.0);
  vec2 position = mix(path.xy, path.zw, fraction);
  float heading = radians(mix(motion.x, motion.y, fraction));
  state = int(sampled.y);
  stale = smoothstep(${(STALE_MS / 1000).toFixed(1)}, ${(STALE_MS / 1000 + 1).toFixed(1)}, now - sampled.x);
  highlight = gl_InstanceID == selected ? 2.0 : gl_InstanceID == hovered ? 1.0 : 0.0;
  // Only the symbols of driving vehicles show a heading.
  bool rotates = state <= 1;
  float c = cos(heading), s = sin(heading);
  at = rotates ? vec2(corner.x * c - corner.y * s, corner.x * s + corner.y * c) : corner;
  float scale = size * (state == 2 ? 0.8 : 1.0) * (highlight > 0.5 ? 1.25 : 1.0);
  vec4 centre = matrix * vec4(position, 0.0, 1.0);
  gl_Position = centre + vec4(corner * scale * pixelSize * centre.w, 0.0, 0.0);
}`

export const FRAGMENT = `#version 300 es
precision highp float;
in vec2 at;
flat in int state;
flat in float stale;
flat in float highlight;
uniform vec4 colours[${VEHICLE_STATES.length}];
uniform vec4 edge;
uniform vec4 selection;
uniform float size;
out vec4 colour;

float box(vec2 p, vec2 b) { vec2 d = abs(p) - b; return length(max(d, 0.0)) + min(max(d.x, d.y), 0.0); }
float octagon(vec2 p) { p = abs(p); return max(max(p.x, p.y), (p.x + p.y) * 0.70711) - 0.56; }
float arrow(vec2 p) {
  // An arrowhead with a notch: two half planes on each side, mirrored.
  p.x = abs(p.x);
  float side = dot(p - vec2(0.0, 0.78), normalize(vec2(1.42, 0.56)));
  float notch = dot(p - vec2(0.0, -0.28), normalize(vec2(-0.34, -0.9)));
  return max(side, notch);
}

void main() {
  float blur = 1.6 / size;
  float d;
  if (state <= 1) d = arrow(at);
  else if (state == 2) d = length(at) - 0.52;
  else if (state == 3) d = (abs(at.x) + abs(at.y)) * 0.70711 - 0.5;
  else if (state == 4) d = box(at, vec2(0.46));
  else if (state == 5) d = octagon(at);
  else d = abs(length(at) - 0.46) - 0.1;
  vec4 fill = colours[state];
  // A claimed vehicle without load is drawn hollow.
  float hole = state == 1 ? smoothstep(blur, -blur, d + 0.19) : 0.0;
  // Bars distinguish the symbols for people who cannot tell their colours apart.
  if (state == 5) hole = max(hole, smoothstep(blur, -blur, box(at, vec2(0.3, 0.09))));
  if (state == 4) hole = max(hole, smoothstep(blur, -blur, min(box(at - vec2(0.15, 0.0), vec2(0.065, 0.24)), box(at + vec2(0.15, 0.0), vec2(0.065, 0.24)))));
  if (state == 6) d = min(d, box(vec2(at.x + at.y, at.x - at.y) * 0.70711, vec2(0.46, 0.08)));
  vec3 inner = mix(fill.rgb, edge.rgb, hole);
  float body = smoothstep(blur, -blur, d);
  float halo = smoothstep(blur, -blur, d - 0.13);
  float fade = mix(1.0, 0.45, stale);
  vec4 vehicle = vec4(mix(edge.rgb, inner, body), halo) * vec4(1.0, 1.0, 1.0, fade);
  // A stale vehicle has a dashed ring around it, a selected one a solid ring.
  float angle = atan(at.y, at.x);
  float dashes = step(0.0, sin(angle * 7.0));
  float circle = smoothstep(blur, -blur, abs(length(at) - 0.86) - 0.05);
  float staleRing = circle * dashes * stale;
  float ring = smoothstep(blur, -blur, abs(length(at) - 0.9) - (highlight > 1.5 ? 0.075 : 0.045)) * step(0.5, highlight);
  vec4 around = ring > 0.0 ? vec4(selection.rgb, ring) : vec4(fill.rgb, staleRing);
  float a = vehicle.a + around.a * (1.0 - vehicle.a);
  if (a < 0.01) discard;
  colour = vec4(vehicle.rgb * vehicle.a + around.rgb * around.a * (1.0 - vehicle.a), a);
}`
