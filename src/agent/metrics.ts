import { apiMetrics } from '../api';
import { controlMetrics, routeMetrics } from '../control';
import { directoryMetrics, lookupMetrics } from '../directory';
import { deliveryMetrics, eventMetrics } from '../events';
import { httpMetrics } from '../http';
import { createMetricsPage, type MetricsPage, nodeMetrics, processMetrics, watchProcess } from '../measure';
import { controlApiMetrics } from '../mediamtx';
import { peersMetrics } from '../peers';
import { decisionMetrics } from '../router';
import { spoeMetrics } from '../spoe';
import { storeMetrics } from '../store';
import { version } from '../version';
import { viewerMetrics } from '../viewers';
import { loadMetrics } from './haproxy-load';

/** Makes the page of the agent's metrics. Its components are named as its sources when they are there. */
export function createMetrics(): MetricsPage {
  const page = createMetricsPage(
    [
      decisionMetrics,
      lookupMetrics,
      directoryMetrics,
      controlApiMetrics,
      spoeMetrics,
      httpMetrics,
      apiMetrics,
      viewerMetrics,
      peersMetrics,
      controlMetrics,
      loadMetrics,
      routeMetrics,
      eventMetrics,
      deliveryMetrics,
      storeMetrics,
      processMetrics,
    ],
    nodeMetrics(),
  );
  page.read(processMetrics, watchProcess(version));
  return page;
}
