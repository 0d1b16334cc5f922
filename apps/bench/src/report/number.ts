import { METRICS, type MetricName } from '../measure/metric.ts';

/** Three significant digits (four above a thousand), thousands apart: `34,120`, `1.82`, `0.0152`. */
export function number(value: number | undefined, digits = 3): string {
  if (value === undefined || Number.isNaN(value)) return '-';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(Number(value.toPrecision(4))).toLocaleString('en-US');
  if (Number.isInteger(value)) return String(value);
  return String(Number(value.toPrecision(digits)));
}

export function withUnit(metric: MetricName, value: number | undefined, digits = 3): string {
  const { unit } = METRICS[metric];
  const text = number(value, digits);
  if (unit === '' || text === '-') return text;
  return unit === '/s' || unit === 'x' ? `${text}${unit}` : `${text} ${unit}`;
}

export function ratio(value: number | undefined): string {
  return value === undefined || Number.isNaN(value) ? '-' : `${number(value)}x`;
}
