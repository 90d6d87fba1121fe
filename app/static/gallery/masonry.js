// The layout of the wall: every tile goes where the wall is lowest, best first.

const COLUMN_PX = 176; // the least width of a column
const GAP_PX = 14;
const FEWEST_COLUMNS = 2;

// The columns of a wall of that width: {count, width of a tile}.
export function wallColumns(wide) {
  const fitting = Math.floor((wide + GAP_PX) / (COLUMN_PX + GAP_PX));
  const count = Math.max(FEWEST_COLUMNS, fitting);
  return { count, width: (wide - GAP_PX * (count - 1)) / count };
}

// heights: of the tiles in order. {places: [[x, y]], height of the wall}.
export function masonry(heights, { count, width }) {
  const columns = new Array(count).fill(0);
  const places = heights.map((height) => {
    const lowest = columns.indexOf(Math.min(...columns));
    const place = [lowest * (width + GAP_PX), columns[lowest]];
    columns[lowest] += height + GAP_PX;
    return place;
  });
  return { places, height: Math.max(0, ...columns) };
}
