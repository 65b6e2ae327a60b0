export {
  createOperationTimes,
  type OperationName,
  type OperationTimes,
  operationNames,
  operations,
  windowLimits,
} from './operation-times';
