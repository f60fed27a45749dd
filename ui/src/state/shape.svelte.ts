// What was chosen on the map for a form of another screen, until that form takes it.
import type { LatLon } from '../api/types'

class Shape {
  area = $state.raw<LatLon[] | null>(null)
  at = $state.raw<LatLon | null>(null)

  takeArea(): LatLon[] | null {
    const { area } = this
    this.area = null
    return area
  }

  takeAt(): LatLon | null {
    const { at } = this
    this.at = null
    return at
  }
}

export const shape = new Shape()
